/** What the lab started and must end, whichever way this process exits: by itself, Ctrl-C, or a signal from CI. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type Cleanup = () => void;

const pending = new Set<Cleanup>();
let installed = false;
let signalsAreOurs = true;

/** For a program that ends by itself on a signal, after it has cleaned up what takes longer. */
export function leaveSignalsAlone(): void {
  signalsAreOurs = false;
}

/**
 * `end` must be synchronous: nothing else runs while a process exits. The last registered runs first.
 * Returns what unregisters it, for things that were ended in the ordinary way.
 */
export function atExit(end: Cleanup): () => void {
  if (!installed) {
    installed = true;
    process.on('exit', endAll);
    for (const [signal, number] of [
      ['SIGINT', 2],
      ['SIGTERM', 15],
      ['SIGHUP', 1],
    ] as const) {
      process.on(signal, () => {
        if (signalsAreOurs) process.exit(128 + number);
      });
    }
  }
  pending.add(end);
  return () => pending.delete(end);
}

/** A folder that is gone when this process is. */
export function temporaryFolder(name: string): string {
  const dir = mkdtempSync(join(tmpdir(), `dbc-${name}-`));
  atExit(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function endAll(): void {
  for (const end of [...pending].reverse()) {
    pending.delete(end);
    try {
      end();
    } catch (error) {
      console.error('lab: cleaning up failed:', error);
    }
  }
}
