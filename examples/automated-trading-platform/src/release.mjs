// What this process is, as the build baked it in. `unknown`: built by hand, without the deploy tool.
import { writeFileSync } from 'node:fs';
import { version } from './variant.mjs';

export const release = { version, commit: process.env.GIT_COMMIT || 'unknown' };

/** Says to the outside (scripts/start, the container's health check) that the service does its work now. */
export function ready() {
  if (process.env.READY_FILE) writeFileSync(process.env.READY_FILE, `${process.pid}\n`);
}

// Nothing here needs a farewell: open requests are short, and the database takes back a half-done transaction.
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => process.exit(0));
