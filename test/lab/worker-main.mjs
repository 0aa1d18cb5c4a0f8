/** A worker as a process of its own, for tests that kill it: `worker-main.mjs SERVE CONFIG`. `dbc serve` is the same. */
const [module = '', configPath = 'deploy.yaml'] = process.argv.slice(2);
const { serve } = await import(module);
const worker = await serve({ configPath, env: process.env, log: (line) => console.error(line) });
process.on('SIGTERM', () => void worker.stop());
console.log('ready');
await worker.stopped;
