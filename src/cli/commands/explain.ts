import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ErrorType, ExitCode } from '../../contracts/errors.ts';
import { DeployError } from '../../domain/deploy-error.ts';
import { packageRoot } from '../help.ts';
import type { Colors, Terminal } from '../terminal.ts';

/** `dbc explain [TYPE]`: the entry of docs/troubleshooting.md about a type of error; without one, which there are. */
export async function explain(terminal: Terminal, type: string | undefined): Promise<ExitCode> {
  const entries = troubleshootingEntries();
  const [known, text] = [...entries].find(([name]) => name.toLowerCase() === type?.toLowerCase()) ?? [];
  if (type === undefined) {
    const all = [...entries.keys()];
    if (terminal.json) terminal.printJson({ types: all });
    else terminal.print(all.join('\n'));
  } else if (known === undefined || text === undefined) {
    throw new DeployError(ErrorType.InvalidInput, `expected a type of error, found ${JSON.stringify(type)}`, {
      hint: `There are: ${[...entries.keys()].join(', ')}.`,
    });
  } else if (terminal.json) terminal.printJson({ type: known, text });
  else terminal.print(`${terminal.colors.bold(known)}\n\n${forTerminal(text, terminal.colors)}`);
  return ExitCode.succeeded;
}

/** By type: its entry, in Markdown. */
export function troubleshootingEntries(): Map<string, string> {
  const page = readFileSync(join(packageRoot(), 'docs/troubleshooting.md'), 'utf8');
  const [, ...entries] = page.split(/^## /m);
  return new Map(
    entries.map((entry) => {
      const end = entry.indexOf('\n');
      return [entry.slice(0, end), entry.slice(end).trim()];
    }),
  );
}

/** Without what only a browser can use. */
const forTerminal = (markdown: string, c: Colors): string =>
  markdown
    .replace(/^```.*\n/gm, '')
    .replace(/\[([^\]]+)\]\(([^)#]+)[^)]*\)/g, '$1 (docs/$2)')
    .replace(/\*\*([^*]+)\*\*/g, (_, words: string) => c.bold(words))
    .replace(/`([^`\n]+)`/g, (_, words: string) => c.cyan(words));
