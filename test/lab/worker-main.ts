/** A worker as a process of its own, for tests that kill it: `worker-main.ts CONFIG`. `dbc serve` is the same. */
import { serve } from '../../worker/serve.ts';

const [configPath = 'deploy.yaml'] = process.argv.slice(2);
const worker = await serve({ configPath, env: process.env, log: (line) => console.error(line) });
process.on('SIGTERM', () => void worker.stop());
console.log('ready');
await worker.stopped;
