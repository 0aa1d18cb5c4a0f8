import type { Answer } from '../../contracts/activities.ts';
import type { ExitCode } from '../../contracts/errors.ts';
import { askHosts, type Reading } from '../ask-hosts.ts';
import type { ReadingFlags } from '../flags.ts';
import { serviceLines } from '../render/plain.ts';
import type { Terminal } from '../terminal.ts';

const reading: Reading = {
  lines: ({ services = [] }, c) => (services.length > 0 ? serviceLines(services, c) : ['   no services']),
  bad: ({ services = [] }: Answer) => services.some(({ healthy }) => !healthy),
};

/** `dbc services`: what `docker compose ps` says, judged. */
export const services = (terminal: Terminal, target: string, flags: ReadingFlags): Promise<ExitCode> =>
  askHosts(terminal, target, { ask: 'services' }, flags, reading);
