import { setTimeout as sleep } from 'node:timers/promises';
import { TemporalUnavailable } from '../client/errors.ts';
import type { PersonLock } from '../contracts/host.ts';
import { DeployError } from '../domain/deploy-error.ts';
import { answersOf } from './ask-hosts.ts';
import type { Session } from './session.ts';

/** Which hosts of a target a person has locked. */
export interface Locks {
  locks: ({ host: string } & PersonLock)[];
  /** Why nobody can say that of all hosts. */
  locksUnknown?: string;
}

/** A status that waits for a host that is gone would be none. Milliseconds. */
const patienceMs = 5000;

/** A lock is on the hosts, and only a worker sees them: where none answers, or a host does not, that is said. */
export async function locksOf({ client }: Session, target: string): Promise<Locks> {
  if (!(await client.isWorkerPolling())) return unknown('no worker answers, and the hosts alone know.');
  const ask: Parameters<typeof answersOf>[0] = {
    ask: (name, question) => client.ask(name, question, { answerWithinMs: 3000 }),
  };
  try {
    const answers = await Promise.race([answersOf(ask, target, { ask: 'lease' }), sleep(patienceMs, undefined)]);
    if (answers === undefined) return unknown(`the hosts gave no answer within ${patienceMs / 1000} s.`);
    const silent = answers.flatMap(({ host, problem }) => (problem ? [`${host}: ${problem.message}`] : []));
    return {
      locks: answers.flatMap(({ host, lease }) => (lease?.lock ? [{ host, ...lease.lock }] : [])),
      ...(silent.length > 0 ? { locksUnknown: silent.join('; ') } : {}),
    };
  } catch (error) {
    if (error instanceof TemporalUnavailable || error instanceof DeployError) return unknown(error.message);
    throw error;
  }
}

const unknown = (locksUnknown: string): Locks => ({ locks: [], locksUnknown });
