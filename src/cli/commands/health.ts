import type { Answer } from '../../contracts/activities.ts';
import type { ExitCode } from '../../contracts/errors.ts';
import { askHosts, type Reading } from '../ask-hosts.ts';
import type { TemporalFlags } from '../flags.ts';
import { ruleLines, serviceLines } from '../render/plain.ts';
import type { Terminal } from '../terminal.ts';

const unhealthy = ({ services = [] }: Answer) => services.filter(({ healthy }) => !healthy);

const reading: Reading = {
  lines: (answer, c) => [
    ...(answer.rules?.length ? ruleLines(answer.rules, c) : ['   no health rules']),
    ...serviceLines(unhealthy(answer), c),
  ],
  bad: (answer) => (answer.rules ?? []).some(({ passed }) => !passed) || unhealthy(answer).length > 0,
};

/** `dbc health`: every rule with the value that it saw, and the services that are not healthy. */
export const health = (terminal: Terminal, target: string, flags: TemporalFlags): Promise<ExitCode> =>
  askHosts(terminal, target, { ask: 'health' }, flags, reading);
