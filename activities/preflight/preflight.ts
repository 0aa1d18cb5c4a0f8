import type { HostTask } from '../../src/contracts/activities.ts';
import type { Finding } from '../../src/contracts/preflight.ts';
import { sayings } from '../../src/domain/said.ts';
import type { Observation } from '../observe.ts';
import { envFile } from './env-file.ts';
import { ports } from './ports.ts';
import type { Part, Sight } from './reading.ts';
import { repository } from './repository.ts';
import { room } from './room.ts';
import { tools } from './tools.ts';

/** In the order in which they are told. */
const parts: Part[] = [tools, repository, envFile, room, ports];

/** What `inspect` and `doctor` read beside the checkout and the services, before these and after them. */
export function preflightScripts(task: HostTask, thorough: boolean): { begin: string; end: string } {
  const script = (which: 'begin' | 'end') => parts.map((part) => part[which]?.(task, thorough) ?? '').join('');
  // What is waited for besides is bounded by itself.
  const waitedFor = task.target.runtime.kind === 'compose' ? 'docker version' : 'git log';
  return { begin: script('begin'), end: `echo "at ${waitedFor}"\nwait\n${script('end')}` };
}

/** All findings at once, also of what is fine. */
export function judgePreflight(
  task: HostTask,
  seen: Observation,
  env: Sight['env'],
  { thorough, redact }: { thorough: boolean; redact: (text: string) => string },
): Finding[] {
  const said = sayings(seen.raw);
  const allSaid = (key: string): string[] => said(key).map((value) => value.trim());
  const sight: Sight = { task, seen, env, thorough, allSaid, said: (key) => allSaid(key)[0] ?? '' };
  return parts.flatMap((part) => part.judge(sight)).map((each) => ({ ...each, message: redact(each.message) }));
}

/** A finding in one line, as the report of a deploy shows it. */
export const lineOf = ({ about, message, hint }: Finding): string => {
  const line = message.startsWith(about) ? message : `${about}: ${message}`;
  return hint === undefined ? line : `${line}${/[.?!]$/.test(line) ? '' : '.'} ${hint}`;
};
