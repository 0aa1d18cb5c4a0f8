import { ExitCode } from '../contracts/errors.ts';

/** For what runs until it is told to stop: the first signal stops it in order, a second one at once. */
export function untilSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(name, () => {
        resolve(name);
        process.once(name, () => process.exit(ExitCode.failed));
      });
    }
  });
}
