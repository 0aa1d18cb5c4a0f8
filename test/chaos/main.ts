/**
 * `npm run chaos -- --seed N --rounds K`: random deploys, rollbacks, aborts and faults, and what must hold after each.
 *
 *   --round K     only this round, as a broken one is run again; may be given several times
 *   --minutes M   begins rounds until the time is up
 *   --lanes L     so many of each kind of hosts at once, each with a server and workers of its own
 *   --keep-going  goes on after a broken invariant
 *   --timelines   prints the timeline of every round, also of sound ones
 *   --keep-histories FOLDER   for test/replay, one for each outcome after each kind of fault
 *   --plan        prints the plans and runs nothing
 */
import { parseArgs } from 'node:util';
import { makePlan } from './plan.ts';
import { runChaos } from './run.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string' },
    round: { type: 'string', multiple: true },
    minutes: { type: 'string' },
    lanes: { type: 'string', default: '1' },
    'keep-going': { type: 'boolean', default: false },
    timelines: { type: 'boolean', default: false },
    'keep-histories': { type: 'string' },
    plan: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const rounds = values.round?.map(Number) ?? upTo(values.rounds ?? (values.minutes === undefined ? '20' : 'Infinity'));
if (values.plan) {
  for (const round of rounds) console.log(JSON.stringify(makePlan(seed, round), null, 2));
} else {
  const summary = await runChaos({
    seed,
    rounds,
    lanes: Number(values.lanes),
    timelines: values.timelines,
    ...(values['keep-histories'] === undefined ? {} : { keepIn: values['keep-histories'] }),
    keepGoing: values['keep-going'],
    ...(values.minutes === undefined ? {} : { until: Date.now() + Number(values.minutes) * 60_000 }),
    log: (line) => console.log(line),
  });
  console.log(String(summary));
  process.exitCode = summary.broken.length === 0 ? 0 : 1;
}

function* upTo(count: string): Generator<number> {
  for (let round = 0; round < Number(count); round++) yield round;
}
