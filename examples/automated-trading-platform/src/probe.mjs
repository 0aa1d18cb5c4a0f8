// The containers' health check: exits 0 when the service of this image does its work.
import { statSync } from 'node:fs';

const FRESH_MS = 15_000;
const urls = { backend: 'http://127.0.0.1:8002/api/health', frontend: 'http://127.0.0.1:3000/healthz' };

const url = urls[process.env.SERVICE];
if (url) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(2000) });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
} else {
  // The market updater listens nowhere. It touches this file whenever the database has taken its prices.
  const age = Date.now() - statSync(process.env.READY_FILE).mtimeMs;
  if (age > FRESH_MS) throw new Error(`nothing was written for ${Math.round(age / 1000)} s`);
}
process.exit(0);
