import assert from 'node:assert/strict';
import pc from 'picocolors';
import { eventsBetween } from '../../src/cli/render/events.ts';
import { plainHead, plainLines } from '../../src/cli/render/plain.ts';
import { summary } from '../../src/cli/render/summary.ts';
import type { DeployView, StepView } from '../../src/contracts/deploy.ts';
import { host, newSha, oldSha, report, second, stepsUpTo, view, viewAt } from './cli-views.ts';

const plain = pc.createColors(false);

/** What the log gets when the one view follows on the other; without one before, all of it. */
const logOf = (before: DeployView | undefined, after: DeployView): string =>
  eventsBetween(before, after)
    .flatMap((event) => plainLines(event, after, plain))
    .join('\n');

describe('the events of a deploy', () => {
  it('begin and end a step that was missed while it ran', () => {
    const events = eventsBetween(viewAt('fetch'), viewAt('start'));
    assert.deepEqual(
      events.map((event) => (event.event === 'step' ? `${event.step} ${event.state}` : event.event)),
      ['fetch done', 'reset running', 'reset done', 'build running', 'build done', 'start running'],
    );
  });

  it('tell of a recovery between the verification that failed and the one that it made pass', () => {
    const sick = stepsUpTo('verify', 'failed', 'HealthCheckFailed: not well');
    const recovering = (note?: string): StepView => ({
      ...{ step: 'recover', state: 'running', startedAt: second(8) },
      ...(note === undefined ? {} : { note }),
    });
    const withRecovery = (steps: StepView[], recovery: StepView) =>
      viewAt('recover', 'running', {
        hosts: [host({ steps: steps.flatMap((each) => (each.step === 'verify' ? [each, recovery] : [each])) })],
      });
    const cured = sick.map((each): StepView => {
      if (each.step !== 'verify') return each;
      return { ...each, state: 'done', finishedAt: second(20), note: 'healthy after a recovery' };
    });
    const views = [
      viewAt('verify'),
      withRecovery(sick, recovering()),
      withRecovery(sick, recovering('restart of backend-aws')),
      withRecovery(cured, { ...recovering('cured by restart of backend-aws'), state: 'done', finishedAt: second(20) }),
    ];
    const said = views.slice(1).map((view, index) => logOf(views[index], view).trim().split('\n'));
    assert.deepEqual(
      said.map((lines) => lines.filter((line) => /✗|✓|recover|restart/i.test(line)).map((line) => line.trim())),
      [
        ['✗ verify failed: HealthCheckFailed: not well (1s)', 'Recovering...'],
        ['restart of backend-aws'],
        ['✓ cured by restart of backend-aws (12s)', '✓ healthy after a recovery (14s)'],
      ],
    );
  });

  it('tell nothing when nothing happened', () => assert.deepEqual(eventsBetween(viewAt('build'), viewAt('build')), []));

  it('tell a step that is tried again, with the reason', () => {
    const noted = viewAt('build', 'running', { hosts: [host({ steps: stepsUpTo('build', 'running', 'again') })] });
    assert.deepEqual(eventsBetween(viewAt('build'), noted), [
      { event: 'step', host: 'web-1', step: 'build', state: 'running', at: second(3), note: 'again' },
    ]);
  });

  it('put the commit after the fetch that found it, and an abort before what it stopped', () => {
    const abort = { by: 'bob', reason: 'wrong one', at: second(2), accepted: true };
    const events = eventsBetween(undefined, viewAt('build', 'cancelled', { abort }));
    const kinds = events.map((event) => (event.event === 'step' ? `${event.step} ${event.state}` : event.event));
    assert.equal(kinds[kinds.indexOf('commit') - 1], 'fetch done');
    assert.ok(kinds.indexOf('abort') < kinds.indexOf('build cancelled'));
  });

  it('leave out steps that never began', () => {
    const { steps } = host();
    const skipped = steps.map(({ step }) => ({ step, state: 'skipped' as const }));
    assert.equal(logOf(undefined, view({ hosts: [host({ steps: skipped })] })), '');
  });
});

describe('the plain log', () => {
  const repository = { path: '/home/ubuntu/automated-trading-platform', remote: 'origin', branch: 'main' };

  it("has the sections of the playbook's expected output, in its order", () => {
    const rules = [{ rule: 'market updater', passed: true, observed: 'status = "PASS"' }];
    const services = [{ service: 'backend-aws', state: 'running', health: 'healthy', healthy: true }];
    const done = viewAt(undefined, 'done', { repository, waitMs: 15_000, hosts: [host({ rules, services })] });
    const log = logOf(undefined, done);
    const sections = [
      'Repository root: /home/ubuntu/automated-trading-platform',
      'Fetching latest from origin...',
      'Resetting to abc1234...',
      'Git state:',
      `HEAD: abc1234 (${newSha})`,
      'Branch: main',
      'Status: 0 uncommitted files',
      'Building images...',
      'Starting services...',
      'Waiting for services to start (15 seconds)...',
      'Service status:',
      'backend-aws  running (healthy)',
      'Health check...',
      'market updater  PASS',
    ];
    const places = sections.map((section) => log.indexOf(section));
    assert.ok(!places.includes(-1), `${sections[places.indexOf(-1)]} is missing in\n${log}`);
    assert.deepEqual(
      places,
      [...places].sort((a, b) => a - b),
    );
  });

  it('has a line when a step starts and one when it ends', () => {
    assert.match(logOf(viewAt('reset'), viewAt('build')), /Building images\.\.\.$/);
    assert.match(logOf(viewAt('build'), viewAt('start')), /^ {3}✓ done \(1s\)\n\nStarting services\.\.\.$/);
  });

  it('says why a step failed, also in several lines', () => {
    const steps = stepsUpTo('verify', 'failed', 'HealthCheckFailed: not healthy:\n- system: body.a = 1');
    const log = logOf(viewAt('verify'), view({ hosts: [host({ steps })] }));
    assert.equal(log, '   ✗ verify failed: HealthCheckFailed: not healthy: (1s)\n     - system: body.a = 1');
  });

  it('names the host in every line when there are several', () => {
    const two = ['web-1', 'web-2'].map((name) => host({ host: name, steps: stepsUpTo('fetch', 'running') }));
    for (const line of logOf(undefined, view({ hosts: two })).split('\n')) assert.match(line, /^(web-[12]: .*)?$/);
  });

  it('begins with who asked, why, and where Temporal shows it', () => {
    const head = plainHead(view({ reason: 'fix' }), 'http://ui/timeline').join('\n');
    assert.match(head, /production to abc1234[\s\S]*By: alice@laptop, because: fix[\s\S]*http:\/\/ui\/timeline/);
  });
});

describe('the summary', () => {
  const lines = (more: Parameters<typeof report>[0], link?: string) => summary(report(more), plain, link).join('\n');

  it('of a success says what every host runs, verified', () => {
    const text = lines({}, 'http://ui/timeline');
    assert.match(text, /✓ Deployment completed successfully!/);
    assert.match(text, /web-1: runs abc1234, verified \(was fd44bca\)/);
    assert.match(text, /Temporal: http:\/\/ui\/timeline$/);
  });

  it('of a no-op says that nothing had to change', () => assert.match(lines({ noop: true }), /Nothing had to change/));

  it('of a failure gives type, message, hint and the last output', () => {
    const failure = {
      ...{ type: 'CommandFailed' as const, message: 'exit status 1', hint: 'Look at the log.' },
      ...{ tail: 'npm ERR! x\n', host: 'web-1', step: 'build' as const },
    };
    const restored = host({ now: oldSha, verified: true, steps: [{ step: 'restore', state: 'done' }] });
    const text = lines({ outcome: 'rolled-back', failure, hosts: [restored] });
    assert.match(text, /every host is back on what it ran before, verified/);
    for (const part of [
      'Failed in build on web-1',
      'CommandFailed: exit status 1',
      'Look at the log.',
      '| npm ERR! x',
    ]) {
      assert.ok(text.includes(part), `${part} in\n${text}`);
    }
  });

  it('names a commit that was refused as it was asked for', () => {
    const { commit: _, ...refused } = report({ outcome: 'not-applied', requested: 'beef123' });
    assert.match(summary(refused, plain).join('\n'), /Commit: beef123, as it was asked for/);
  });

  it('claims neither a restore nor a verification that there was not', () => {
    const lost = host({ steps: [{ step: 'restore', state: 'failed' }] });
    assert.match(lines({ outcome: 'needs-operator', hosts: [lost] }), /not known what it runs/);
    assert.match(lines({ outcome: 'not-applied' }), /no host was changed/);
    assert.match(lines({ outcome: 'aborted', hosts: [host({ now: oldSha })] }), /aborted; no host was changed/);
  });

  it('tells where manual changes and untracked files are', () => {
    const changed = host({
      ...{ manualChanges: ['a.py', 'gone.py'], savedRef: 'refs/dbc/saved/1', untracked: ['data.csv'] },
      manualChangeTimes: { 'a.py': '2026-01-08T14:03:09.000Z' },
    });
    const text = lines({ hosts: [changed] });
    assert.match(text, /replaced by the new release; saved as refs\/dbc\/saved\/1/);
    assert.match(text, /^ {6}a\.py, changed 2026-01-08 14:03 UTC\n {6}gone\.py$/m);
    assert.match(text, /left alone: data\.csv/);
  });
});
