/** Hooks, the list of releases, drift and manual changes, on the example application and a real host. */
import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import type { Answer } from '../../src/contracts/activities.ts';
import type { HostPlan } from '../../src/contracts/plan.ts';
import { WorkflowType } from '../../src/contracts/temporal.ts';
import { builds } from '../lab/compose-commands.ts';
import { needs } from '../lab/needs.ts';
import { dbc as run } from '../unit/dbc-process.ts';
import { evidence } from './evidence.ts';
import { foretold, type Jobs, ranBy } from './planned.ts';
import { type Stage, startStage, target } from './stage.ts';

const repository = '/home/ubuntu/automated-trading-platform';
const project = 'automated-trading-platform';

/** Each hook writes down what it is told, and which commit is checked out. */
const hooks = ['before', 'after', 'beforeRollback'].map((name) => {
  const line = `echo "$DBC_HOOK to $DBC_COMMIT from $DBC_PREVIOUS in $(git rev-parse HEAD) of $COMPOSE_PROJECT_NAME"`;
  const more =
    {
      before: `[ ! -e /home/ubuntu/linger ] || sleep 98; [ ! -e /home/ubuntu/lose ] || docker image rm --force ${project}-frontend`,
      after: '[ ! -e /home/ubuntu/refuse ]',
    }[name] ?? 'true';
  return `      ${name}:\n        timeout: 8s\n        run: |\n          ${line} >>/home/ubuntu/hooks\n          ${more}\n`;
});

describe('releases on a real host', function () {
  // A machine that is busy with other tests takes minutes for two deploys.
  this.timeout(300_000);
  needs('docker', 'compose', 'namespaces', 'sshd', 'base-images');
  let stage: Stage;
  let first: string;
  let second: string;

  before(async () => {
    stage = await startStage();
    appendFileSync(stage.configPath, `    retain: { releases: 2 }\n    hooks:\n${hooks.join('')}`);
    first = stage.origin.first;
  });
  after(() => stage?.down());
  beforeEach(() => stage.ec2.trace.clear());

  const dbc = (...args: string[]) => run(args, stage.temporal.env);
  const succeeded = async (request: object, type?: string) => {
    const report = await stage.run(request, type);
    assert.equal(report.outcome, 'succeeded', JSON.stringify(report.failure));
    return report;
  };
  const answer = async (...args: string[]): Promise<Answer> => {
    const { stdout } = await dbc(...args, '--json');
    return JSON.parse(stdout).answers[0];
  };
  /** What the hooks have written since they were last asked. */
  const ran = async () => (await stage.onHost('cat hooks; rm hooks')).split('\n');
  /** The same jobs, in the same order, each with the same script. */
  const assertSame = (ran: Jobs, planned: Jobs) => {
    assert.deepEqual(Object.keys(ran), Object.keys(planned));
    assert.deepEqual(ran, planned);
  };
  const line = (hook: string, to: string, from: string, head: string) =>
    `${hook} to ${to} from ${from} in ${head} of ${project}`;

  it('run the hooks of a deploy in order, each with the commit and the one before it', async () => {
    await succeeded({ reason: 'the first one' });
    assert.deepEqual(await ran(), [line('before', first, first, first), line('after', first, first, first)]);
    second = await stage.origin.commit('good', '2');
    stage.ec2.trace.clear();
    const { plan } = await answer('plan', target);
    const planned = plan as HostPlan;
    assert.deepEqual(stage.ec2.trace.mutating(), [], 'a plan changes nothing');
    assert.deepEqual([planned.head, planned.commit, planned.refusals], [first, second, []]);
    const { deploy } = await succeeded({});
    assert.deepEqual(await ran(), [line('before', second, first, second), line('after', second, first, second)]);
    const { releases = [] } = await answer('releases', target);
    const images = releases.at(-1)?.images ?? [];
    assertSame(await ranBy(deploy, repository, stage.onHost, images), foretold(planned));
  });

  it('are put back when a hook refuses them, after what `before` did was undone in their own checkout', async () => {
    const third = await stage.origin.commit('good', '3');
    await stage.onHost('touch refuse');
    const { plan } = await answer('plan', target, '--commit', third);
    const report = await stage.run();
    await stage.onHost('rm refuse');
    assert.deepEqual([report.outcome, report.failure?.step], ['rolled-back', 'after']);
    assert.deepEqual(await ran(), [
      line('before', third, second, third),
      line('after', third, second, third),
      line('beforeRollback', second, third, third),
    ]);
    const { head, commit } = await evidence(stage);
    assert.deepEqual([head, commit], [second, second]);
    const { record: _, prune: _prune, ...all } = foretold(plan as HostPlan, 'restore');
    // Whoever asked for a SHA is answered about that one; the deploy took the tip.
    const tip = foretold((await answer('plan', target)).plan as HostPlan)['fetch'];
    assertSame(await ranBy(report.deploy, repository, stage.onHost), { ...all, fetch: tip ?? '' });
  });

  it('are listed with who, when, how long, git’s own words, and which images are still there', async () => {
    const { releases = [], history, quarantined = [] } = await answer('releases', target);
    assert.deepEqual(
      releases.map(({ sha, actor, reason, kind }) => [sha, actor, reason, kind]),
      [
        [first, 'e2e', 'the first one', 'deploy'],
        [second, 'e2e', undefined, 'deploy'],
      ],
    );
    assert.ok(releases.every(({ tookMs = 0 }) => tookMs > 1000));
    assert.deepEqual(history?.imagesGone, Object.fromEntries(releases.map(({ deploy }) => [deploy, []])));
    const commit = history?.commits.find(({ sha }) => sha === second);
    assert.deepEqual([commit?.author, commit?.message, commit?.files], ['Dev', 'good 2', 1]);
    assert.equal(quarantined.length, 1);
    const { code, stdout } = await dbc('releases', target);
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`^\\* {2}${second.slice(0, 7)} .* deploy +there +e2e\n {3}good 2$`, 'm'));
    assert.ok(
      stdout.split('\n').every((each) => each.length <= 100 || each.startsWith('Quarantined')),
      stdout,
    );
    const one = await dbc('releases', target, second.slice(0, 8));
    assert.match(one.stdout, new RegExp(`^commit ${second}\nAuthor: Dev <dev@example.com>[\\s\\S]*1 file changed`));
    assert.equal((await dbc('releases', target, 'abcdef12')).code, 2);
  });

  it('of which an image is gone are built again by a rollback', async () => {
    const { releases = [] } = await answer('releases', target);
    const frontend = releases[0]?.images.find(({ service }) => service === 'frontend');
    assert.ok(frontend);
    await stage.ec2.docker('image', 'rm', '--force', frontend.id);
    assert.match((await dbc('releases', target)).stdout, /1 of 4 gone/);
    const report = await succeeded({}, WorkflowType.rollback);
    assert.equal(report.commit, first);
    assert.equal(builds(stage.ec2), 1);
    assert.match(report.hosts[0]?.steps.find(({ step }) => step === 'build')?.note ?? '', /^built again/);
    const { head, commit } = await evidence(stage);
    assert.deepEqual([head, commit], [first, first]);
    assert.deepEqual((await ran())[0], line('beforeRollback', first, second, second));
  });

  it('are no longer what runs when somebody changes the host, and drift says in what', async () => {
    const none = await dbc('drift', target);
    assert.deepEqual([none.code, /Is the release/.test(none.stdout)], [0, true], none.stdout + none.stderr);
    await stage.onHost(`cd ${repository} && git -c user.name=x -c user.email=x@x commit -q --allow-empty -m moved &&
      printf '\\n# hotfix\\n' >> README.md && git checkout -q -b hotfix &&
      printf 'ADDED=1\\n' >> .env.aws && sed -i 's/^RUN_TELEGRAM=.*/RUN_TELEGRAM=changed-canary/' .env.aws`);
    const { docker } = stage.ec2;
    await docker('rm', '--force', `${project}-market-updater-aws-1`);
    await docker('tag', 'node:20-slim', `${project}-frontend:latest`);
    const labels = [`project=${project}`, 'service=debug', 'oneoff=False'];
    const flags = ['--health-cmd', 'true', ...labels.flatMap((label) => ['--label', `com.docker.compose.${label}`])];
    await docker(
      'run',
      '--detach',
      '--init',
      '--name',
      'debug',
      ...flags,
      'node:20-slim',
      'node',
      '-e',
      'setTimeout(() => {}, 1e9)',
    );
    const { code, stdout } = await dbc('drift', target);
    assert.equal(code, 1);
    for (const said of [
      `head +HEAD is [0-9a-f]{7}, the last release is ${first.slice(0, 7)}$`,
      'branch +the branch is hotfix, expected main$',
      'manual-change +README.md was changed by hand$',
      `image +${project}-frontend is image \\w+ now, the release's is \\w+; frontend would`,
      'service-missing +market-updater-aws has no container$',
      'service-extra +debug is running, and not part of the release$',
      'env +.env.aws was changed since the release: added ADDED; changed RUN_TELEGRAM$',
    ]) {
      assert.match(stdout, new RegExp(`^ {3}✗ {2}${said}`, 'm'));
    }
    assert.doesNotMatch(stdout, /canary/);
  });

  it('are not deployed over manual changes by who is careful', async () => {
    const before = await evidence(stage);
    const { code, stderr, stdout } = await dbc('deploy', target, '--commit', second, '--stop-on-manual-changes');
    assert.equal(code, 1);
    assert.match(stdout + stderr, /web-1: README\.md[\s\S]*dbc drift production/);
    assert.deepEqual(await evidence(stage), before);
  });

  it('put everything in order again, and the command that is printed gets the manual changes back', async () => {
    // Compose leaves alone what it has not made.
    await stage.ec2.docker('rm', '--force', 'debug');
    const report = await succeeded({ commit: second });
    const [host] = report.hosts;
    assert.deepEqual(host?.manualChanges, ['README.md']);
    const age = Date.now() - Date.parse(host?.manualChangeTimes?.['README.md'] ?? '');
    assert.ok(age > 0 && age < 120_000, `${age} ms`);
    const drift = await dbc('drift', target);
    assert.equal(drift.code, 0, drift.stdout + drift.stderr);
    const saved = (await answer('releases', target)).history?.saved.at(-1);
    assert.deepEqual([saved?.ref, saved?.files], [host?.savedRef, ['README.md']]);
    assert.match((await dbc('releases', target)).stdout, new RegExp(`stash apply ${saved?.ref}$`, 'm'));
    assert.match(await stage.onHost(saved?.commands.show ?? ''), /README\.md \|[\s\S]*\+# hotfix/);
    await stage.onHost(saved?.commands.apply ?? '');
    assert.equal(await stage.onHost(`tail -n 1 ${repository}/README.md`), '# hotfix');
    await stage.onHost(`git -C ${repository} checkout --quiet HEAD -- README.md && ${saved?.commands.file}`);
    assert.equal(await stage.onHost(`tail -n 1 ${repository}/README.md`), '# hotfix');
    await stage.onHost(`git -C ${repository} checkout --quiet HEAD -- README.md`);
  });

  it('keep the images of the last two of them, and of no deploy that failed', async () => {
    const fourth = await stage.origin.commit('good', '4');
    await succeeded({});
    const tags = (await stage.ec2.docker('image', 'ls', '--format', '{{.Tag}}', `deploy-by-commit/${project}`)).split(
      '\n',
    );
    const kept = new Set(tags.map((tag) => tag.slice(-12)));
    assert.deepEqual(kept, new Set([second.slice(0, 12), fourth.slice(0, 12)]), tags.join());
    const dangling = await stage.ec2.docker(
      'image',
      'ls',
      '--quiet',
      '--filter',
      'dangling=true',
      '--filter',
      `label=com.docker.compose.project=${project}`,
    );
    assert.equal(dangling, '');
  });

  it('are put back when a hook takes longer than it may', async () => {
    await stage.origin.commit('good', '5');
    await stage.onHost('touch linger');
    const report = await stage.run();
    await stage.onHost('rm linger');
    assert.deepEqual(
      [report.outcome, report.failure?.type, report.failure?.step],
      ['rolled-back', 'DeadlineExceeded', 'before'],
    );
    assert.equal(await stage.onHost('pgrep -fx "sleep 98" || true'), '', 'its command has ended');
  });

  it('are put back when somebody removes an image before the services start, which is not held against the commit', async () => {
    const sixth = await stage.origin.commit('good', '6');
    await stage.onHost('touch lose');
    const report = await stage.run();
    await stage.onHost('rm lose');
    assert.deepEqual(
      [report.outcome, report.failure?.type, report.failure?.step],
      ['rolled-back', 'ImageMissing', 'start'],
    );
    assert.match(report.failure?.message ?? '', /the image of frontend was removed between the build and the start/);
    const { quarantined = [] } = await answer('releases', target);
    assert.ok(!quarantined.some(({ sha }) => sha === sixth));
    assert.match((await dbc('status', target)).stdout, /Rolled back|rolled back|rolled-back/);
  });
});
