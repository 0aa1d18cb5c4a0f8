import { allPids, readProc } from './processes.ts';

/** What everybody on the machine can see of its processes, looked at again and again. Linux only. */
export interface ProcessSamples {
  /** Ends the looking. */
  stop(): void;
  count(): number;
  /** Command lines, as `ps -eo args` shows them. */
  commands: Set<string>;
  /** Environments of the processes that were started with the variable. */
  environments: Set<string>;
}

export function sampleProcesses(variable: string, everyMs = 40): ProcessSamples {
  const commands = new Set<string>();
  const environments = new Set<string>();
  let count = 0;
  const look = (): void => {
    count++;
    for (const pid of allPids()) {
      commands.add(readProc(pid, 'cmdline').replaceAll('\0', ' '));
      const environment = readProc(pid, 'environ');
      if (environment.includes(variable)) environments.add(environment);
    }
  };
  const timer = setInterval(look, everyMs);
  return { stop: () => clearInterval(timer), count: () => count, commands, environments };
}
