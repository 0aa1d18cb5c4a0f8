import type { AskInput } from '../src/contracts/activities.ts';
import type { Finding } from '../src/contracts/preflight.ts';
import { lockText } from '../src/domain/person-lock.ts';
import type { Deps } from './deps.ts';
import { look } from './inspect.ts';
import { unsetSecrets } from './notify.ts';
import type { AskRun } from './run.ts';
import { isDead } from './ssh/lease.ts';
import { endHolder, sweepLeftovers } from './sweep.ts';
import { withRecords } from './with-records.ts';

/**
 * Everything that a deploy needs of one host. Where a deploy died there, what it left is ended and removed; else it is one
 * remote command.
 */
export async function doctor(deps: Deps, input: AskInput, run: AskRun): Promise<Finding[]> {
  const lookNow = () =>
    withRecords(deps.program, input, (send) => look(deps, input, { thorough: true, signal: run.signal }, send));
  let host = await lookNow();
  const left: string[] = [];
  if (await isDead(host.lease, deps.askHolder)) {
    left.push(...(await endHolder(deps, input, host.lease)));
    // Its remote command has changed the host until now.
    host = await lookNow();
  }
  left.push(...(await sweepLeftovers(deps, input, host.seen.now, host)));
  const warn = (about: string) => (message: string) => ({ level: 'warning', about, message }) as const;
  const unset = unsetSecrets(input.target, deps.env);
  const { lock } = host.lease;
  const locked: Finding[] = lock
    ? [{ level: 'error', about: 'lock', message: `locked by ${lockText(lock, Date.now())}` }]
    : [];
  return [...locked, ...host.seen.findings, ...left.map(warn('leftovers')), ...unset.map(warn('notifications'))];
}
