/**
 * `npm run simulate -- --cases 20000 --seed 1`: runs deploys of the real workflow code against modelled hosts, with
 * faults at every await, and checks after each what the design promises. A case that breaks a promise is made as small
 * as it can be and told as text, with the command that brings it back: `--seed N --path P`.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { type Chunk, Crew } from '../test/simulation/crew.ts';
import { type Checked, foundText } from '../test/simulation/property.ts';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '5000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    path: { type: 'string' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    came: { type: 'boolean', default: false },
  },
});
/** Of one seed; a seed that fails is done with, so that the others go on. */
const chunkSize = 250;

const [cases, seed] = [Number(values.cases), Number(values.seed)];
const chunks: Chunk[] =
  values.path === undefined
    ? Array.from({ length: Math.ceil(cases / chunkSize) }, (_, index) => ({
        seed: seed + index,
        cases: Math.min(chunkSize, cases - index * chunkSize),
      }))
    : [{ seed, cases: 1, path: values.path }];

const started = performance.now();
const crew = new Crew(Math.min(Number(values.jobs), chunks.length));
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    crew.stop();
    process.exit(130);
  });
}
let ran = 0;
const checked = await crew.check(chunks, ({ cases: more, failure }) => {
  if (failure) console.log(`${foundText(failure)}\n`);
  if (Math.floor((ran + more) / 5_000) > Math.floor(ran / 5_000)) console.error(`${ran + more} cases`);
  ran += more;
});
if (values.came) console.log(cameText(checked));
const seconds = (performance.now() - started) / 1000;
const failures = checked.filter(({ failure }) => failure !== undefined).length;
const rate = Math.round((ran / seconds) * 60);
const seeds = chunks.length === 1 ? `seed ${seed}` : `seeds ${seed} to ${seed + chunks.length - 1}`;
console.log(`${ran} cases in ${seconds.toFixed(0)} s, ${rate} a minute, ${seeds}: ${failures} failed`);
process.exitCode = failures > 0 ? 1 : 0;

function cameText(all: Checked[]): string {
  const sums = new Map<string, number>();
  for (const { came } of all)
    for (const [what, times] of Object.entries(came)) sums.set(what, (sums.get(what) ?? 0) + times);
  const rows = [...sums].sort(([a], [b]) => a.localeCompare(b));
  return rows.map(([what, times]) => `${String(times).padStart(7)}  ${what}`).join('\n');
}
