import assert from 'node:assert/strict';
import type { Lab } from './lab.ts';
import { fails, Model, newSha, oldSha } from './model.ts';
import { sharedLab } from './shared-lab.ts';

describe('a deploy', () => {
  let lab: Lab;
  before(async function () {
    this.timeout(120_000);
    lab = await sharedLab();
  });

  it('runs the steps of the playbook in order and completes with its report', async () => {
    const model = new Model();
    const { outcome, report, failureType } = await lab.run(model, { commit: newSha, reason: 'a fix' });

    assert.equal(outcome, 'succeeded');
    assert.equal(failureType, undefined);
    const forward = ['inspect', 'fetch', 'reset', 'build', 'start', 'verify', 'record', 'releaseLease'];
    assert.deepEqual(model.ran(), forward);
    assert.deepEqual([model.host().head, model.host().running], [newSha, newSha]);
    const [host] = report.hosts;
    assert.deepEqual([host?.before, host?.now, host?.verified], [oldSha, newSha, true]);
    assert.ok(host?.steps.every(({ state }) => state === 'done'));
    assert.deepEqual([report.phase, report.noop, report.commit], ['closed', false, newSha]);
  });

  it('records who released what, with the subject of the commit and its images', async () => {
    const model = new Model();
    const { report } = await lab.run(model, { reason: 'a fix' });
    const { at, tookMs = 0, ...release } = model.host().releases.at(-1) ?? {};
    assert.ok(at !== undefined && at > report.startedAt);
    assert.ok(tookMs >= model.target.waitMs && tookMs <= Date.parse(report.finishedAt) - Date.parse(report.startedAt));
    assert.deepEqual(release, {
      ...{ sha: newSha, deploy: report.deploy, actor: 'sam', reason: 'a fix', kind: 'deploy', subject: 'A change' },
      images: [{ service: 'backend', name: 'app-backend', id: `sha256:${newSha}` }],
    });
  });

  it('of what runs already is a success that records nothing', async () => {
    const model = new Model();
    const { outcome, report } = await lab.run(model, { commit: oldSha });
    assert.deepEqual([outcome, report.noop], ['succeeded', true]);
    assert.equal(model.inputs('record').length, 0);
    assert.equal(report.hosts[0]?.steps.find(({ step }) => step === 'record')?.state, 'skipped');
    assert.equal(model.inputs('releaseLease')[0].closeSnapshots, true);
  });

  it('of what runs already and is intact builds nothing, starts nothing and waits for nothing', async () => {
    const model = new Model();
    model.host().intact = true;
    const { outcome, report } = await lab.run(model, { commit: oldSha });
    assert.deepEqual([outcome, report.noop], ['succeeded', true]);
    assert.deepEqual(model.ran(), ['inspect', 'fetch', 'reset', 'verify', 'releaseLease']);
    const skipped = report.hosts[0]?.steps.filter(({ state }) => state === 'skipped').map(({ step }) => step);
    assert.deepEqual(skipped, ['build', 'start', 'wait', 'record']);
  });

  it('of another commit than the intact one builds and starts it', async () => {
    const model = new Model();
    model.host().intact = true;
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'succeeded');
    assert.deepEqual(model.ran().slice(3, 5), ['build', 'start']);
  });

  it('of what runs already but was never recorded records it', async () => {
    const model = new Model();
    model.host().releases = [];
    const { outcome } = await lab.run(model, { commit: oldSha });
    assert.equal(outcome, 'succeeded');
    assert.equal(model.host().releases.at(-1)?.sha, oldSha);
  });

  it('begins to verify when the wait is over', async () => {
    const model = new Model();
    const { report } = await lab.run(model);
    const step = (name: string) => report.hosts[0]?.steps.find((each) => each.step === name);
    const [started, looked] = [step('start')?.finishedAt ?? '', step('verify')?.startedAt ?? ''];
    assert.ok(Date.parse(looked) - Date.parse(started) >= model.target.waitMs, `${started} ${looked}`);
    assert.equal(step('wait')?.note, '15s');
  });

  it('does not wait when the target says so', async () => {
    const model = new Model();
    model.target.waitMs = 0;
    const { outcome, report } = await lab.run(model);
    assert.equal(outcome, 'succeeded');
    assert.equal(report.hosts[0]?.steps.find(({ step }) => step === 'wait')?.state, 'skipped');
  });

  it('that failed closes as DeployFailed, with the reason and the whole report', async () => {
    const model = new Model().on('verify', fails('HealthCheckFailed'));
    const { outcome, report, failureType, message } = await lab.run(model);
    assert.deepEqual([outcome, failureType], ['rolled-back', 'DeployFailed']);
    assert.equal(message, 'rolled-back: verify on web-1 failed');
    assert.deepEqual(report.failure, {
      ...{ type: 'HealthCheckFailed', message: 'verify on web-1 failed', hint: 'Look at it.' },
      ...{ step: 'verify', host: 'web-1' },
    });
    assert.deepEqual([report.hosts[0]?.now, report.hosts[0]?.verified], [oldSha, true]);
  });

  it('to a target that the worker does not know is not applied', async () => {
    const { outcome, report } = await lab.run(new Model([], 'unknown').on('loadTarget', fails('InvalidInput')));
    assert.equal(outcome, 'not-applied');
    assert.equal(report.failure?.type, 'InvalidInput');
  });

  it('keeps asking a host that does not answer', async () => {
    const model = new Model().on('fetch', fails('SshUnavailable'), { times: 3 });
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'succeeded');
    assert.equal(model.inputs('fetch').length, 4);
  });

  it('that never reaches its host says so, and not only that its time was up', async () => {
    const model = new Model().on('fetch', fails('SshUnavailable'));
    const { outcome, report } = await lab.run(model);
    assert.equal(outcome, 'not-applied');
    assert.equal(report.failure?.type, 'SshUnavailable');
  });

  it('keeps recording until the release is written', async () => {
    const model = new Model().on('record', fails('CommandFailed'), { times: 4 });
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'succeeded');
    assert.equal(model.host().releases.at(-1)?.sha, newSha);
  });

  it('that cannot be recorded needs an operator and leaves its snapshot open', async () => {
    const model = new Model().on('record', fails('CommandFailed'));
    const { outcome, report } = await lab.run(model);
    assert.equal(outcome, 'needs-operator');
    assert.equal(report.failure?.step, 'record');
    assert.deepEqual([model.host().running, model.host().openSnapshot], [newSha, true]);
    assert.equal(model.inputs('retakeLease').length, 0, 'nothing is restored after the point of no return');
  });

  it('says when not all could be written down at the end, and keeps its outcome', async () => {
    const model = new Model().on('releaseLease', fails('CommandFailed'));
    const { outcome, report } = await lab.run(model);
    assert.equal(outcome, 'succeeded');
    assert.match(report.hosts[0]?.warnings.at(-1) ?? '', /lease was given back, but not all .*releaseLease on web-1/);
  });

  it('says when a lease could not be given back, and keeps its outcome', async () => {
    const model = new Model().on('releaseLease', fails('SshUnavailable'));
    const { outcome, report } = await lab.run(model);
    assert.equal(outcome, 'succeeded');
    assert.match(report.hosts[0]?.warnings.at(-1) ?? '', /lease was not given back .*the next deploy takes it over/);
  });
});
