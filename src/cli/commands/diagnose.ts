import type { ExitCode } from '../../contracts/errors.ts';
import { askHosts, type Reading } from '../ask-hosts.ts';
import type { ReadingFlags } from '../flags.ts';
import { diagnosisLines } from '../render/diagnosis.ts';
import type { Terminal } from '../terminal.ts';

const reading: Reading = {
  lines: ({ diagnosis }, c) =>
    diagnosis === undefined ? [`   ${c.green('✓')} nothing is wrong`] : diagnosisLines(diagnosis, c, 'in full'),
  bad: ({ diagnosis }) => diagnosis !== undefined,
};

/** `dbc diagnose`: what the playbook tells a person to look at when something fails, looked at. Changes nothing. */
export const diagnose = (terminal: Terminal, target: string, flags: ReadingFlags): Promise<ExitCode> =>
  askHosts(terminal, target, { ask: 'diagnose' }, flags, reading);
