import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { ErrorType } from '../contracts/errors.ts';
import { DeployError } from '../domain/deploy-error.ts';

/** Asks on the terminal for one line, which it does not show. */
export function askHidden(
  question: string,
  { stdin, stderr }: Pick<NodeJS.Process, 'stdin' | 'stderr'> = process,
): Promise<string> {
  // What is typed would be echoed to this.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: nowhere, terminal: true, historySize: 0 });
  // Not before the terminal itself has stopped to echo.
  stderr.write(question);
  return new Promise((resolve, reject) => {
    lines.once('line', resolve);
    lines.once('SIGINT', () => lines.close());
    lines.once('close', () => reject(new DeployError(ErrorType.InvalidInput, 'Interrupted; nothing was started.')));
  }).finally(() => {
    lines.close();
    stderr.write('\n');
  }) as Promise<string>;
}
