/**
 * `npm run bench:rollback`: how long a rollback with retained images takes to verified health, beside the deploy of the same
 * commit with a build of 60 s; on a real host with Docker and the example application. Exits 1 when it is a tenth or more.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { DeployReport } from '../src/contracts/deploy.ts';
import { WorkflowType } from '../src/contracts/temporal.ts';
import { builds } from '../test/lab/compose-commands.ts';

const budget = 0.1;
const buildSeconds = 60;
const [given = '2', ...others] = process.argv.slice(2);
const rounds = Number(given);
if (!Number.isInteger(rounds) || rounds < 1 || others.length > 0) {
  console.error(
    `npm run bench:rollback takes one number, of rounds from 1, and found ${JSON.stringify(process.argv.slice(2).join(' '))}.`,
  );
  process.exit(2);
}
const { startStage } = await import('../test/e2e/stage.ts');
const stage = await startStage();
/**
 * Time that passes by configuration is the same in both and no part of the work, so there is as little of it as makes sense:
 * no fixed wait, since verify looks until all is well anyway, and the three passes that it needs follow each other soon.
 */
const quick = { 'wait: 1s': 'wait: 0', 'interval: 500ms': 'interval: 200ms' };
const config = readFileSync(stage.configPath, 'utf8');
writeFileSync(
  stage.configPath,
  Object.entries(quick).reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the stage's config has no ${from}`);
    return text.replace(from, to);
  }, config),
);

interface Timed {
  report: DeployReport;
  /** From the request to the end of verify, and to the end of the workflow. Seconds. */
  healthy: number;
  all: number;
}

async function timed(type: string, commit: string): Promise<Timed> {
  const [began, requestedAt] = [performance.now(), Date.now()];
  const report = await stage.run({ commit }, type);
  const all = (performance.now() - began) / 1000;
  if (report.outcome !== 'succeeded') throw new Error(`${report.outcome}: ${JSON.stringify(report.failure)}`);
  const verified = report.hosts[0]?.steps.find(({ step }) => step === 'verify')?.finishedAt ?? '';
  return { report, healthy: (Date.parse(verified) - requestedAt) / 1000, all };
}

/** `reset 0.3 s, build 61 s, …` */
const stepsOf = ({ hosts }: DeployReport): string =>
  (hosts[0]?.steps ?? [])
    .flatMap(({ step, startedAt, finishedAt }) =>
      startedAt && finishedAt
        ? [`${step} ${((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000).toFixed(1)} s`]
        : [],
    )
    .join(', ');

const shown = ({ healthy, all }: Timed): string => `${healthy.toFixed(1)} s (${all.toFixed(1)} s)`;

let missed = false;
try {
  // Base images are unpacked and the database is made: what a first deploy pays for is no part of the comparison.
  await timed(WorkflowType.deploy, stage.origin.first);
  console.log(`The example application with ${Object.values(quick).join(', ')}; a build of ${buildSeconds} s`);
  console.log('From the request to verified health (and until the release is recorded)\n');
  console.log('| round | deploy | rollback to it | ratio | budget |\n| --- | --- | --- | --- | --- |');
  const details: string[] = [];
  for (let round = 0; round < rounds; round++) {
    // Another number is another commit, whose layers are not in the build cache.
    const slow = await stage.origin.commit('slow-build', String(buildSeconds + round));
    const deploy = await timed(WorkflowType.deploy, slow);
    await timed(WorkflowType.deploy, await stage.origin.commit('good', `after-${round}`));
    stage.ec2.trace.clear();
    const rollback = await timed(WorkflowType.rollback, slow);
    if (builds(stage.ec2) > 0) throw new Error('the rollback built images: nothing was retained');
    const ratio = rollback.healthy / deploy.healthy;
    missed ||= ratio >= budget;
    console.log(
      `| ${round + 1} | ${shown(deploy)} | ${shown(rollback)} | ${(100 * ratio).toFixed(1)} % | < ${100 * budget} % |`,
    );
    details.push(
      `deploy ${round + 1}: ${stepsOf(deploy.report)}`,
      `rollback ${round + 1}: ${stepsOf(rollback.report)}`,
    );
  }
  console.log(`\n${details.join('\n')}`);
} finally {
  await stage.down();
}
if (missed) {
  console.error('\nA rollback with retained images has to take less than a tenth of the deploy.');
  process.exitCode = 1;
}
