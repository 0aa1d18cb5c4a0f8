import type { HostTask } from '../src/contracts/activities.ts';
import type { LeaseState, Release } from '../src/contracts/host.ts';
import type { ObserveOptions } from './observe.ts';
import type { HostAnswer, HostProgram } from './ssh/host-program.ts';
import { leaseState } from './ssh/lease.ts';
import { parseStateFiles, type StateFiles } from './state-files.ts';

/** What a host itself keeps of its deploys. */
export interface HostRecords {
  records: StateFiles;
  lease: LeaseState;
  answer: HostAnswer;
}

/**
 * A reading together with what earlier deploys left and who holds the lease: one call. The records come first, so that a
 * reading that is cut off does not take them with it.
 *
 * @param read gets how to send its call
 * @param more further operations of the same call
 */
export async function withRecords<T>(
  program: HostProgram,
  task: HostTask,
  read: (send: NonNullable<ObserveOptions['send']>) => Promise<T>,
  more: (string | number)[][] = [],
): Promise<HostRecords & { seen: T }> {
  let said: HostAnswer | undefined;
  const seen = await read(async (call) => {
    const then = [['lease'], ...more, [call.operation, ...call.args]];
    said = await program.call(task, { ...call, operation: 'overview', args: [], then });
    return said;
  });
  const answer = said as HostAnswer;
  return { seen, answer, records: parseStateFiles(answer), lease: leaseState(answer) };
}

/** The release that has to run. While a deploy is at work, what is checked out is on its way to being one, or back. */
export const expectedRelease = ({ records, lease }: HostRecords): Release | undefined =>
  lease.holder === undefined ? records.releases.at(-1) : undefined;
