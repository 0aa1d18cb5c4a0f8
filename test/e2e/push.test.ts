/** A host that is cut off from the remote, and a team that hears of all that happens to it. */
import assert from 'node:assert/strict';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { deployWorkflowId } from '../../src/contracts/temporal.ts';
import { decodedHistory } from '../lab/decoded-history.ts';
import { needs } from '../lab/needs.ts';
import { trigger } from '../lab/schedule.ts';
import { sshOutput } from '../lab/ssh-client.ts';
import { dbc } from '../unit/dbc-process.ts';
import { reportOf, untilStep } from './stage.ts';
import { startTeam, type Team } from './team.ts';

describe('a host without access to the remote', function () {
  this.timeout(120_000);
  needs('sshd');
  let team: Team;
  let first: string;
  const commits = { good: '', bad: '', next: '' };

  const run = (...args: string[]) => dbc(args, team.temporal.env);
  const deployOf = (target: string) => team.client.workflow.getHandle(deployWorkflowId(target));
  const onHost = (command: string) => sshOutput(team.host, command);
  const head = () => onHost('git -C app rev-parse HEAD');
  /** What the team was told on Slack since it was asked last. */
  const told = () => team.slack.received.splice(0).map(({ body }) => JSON.parse(body).text as string);
  const headlines = () => told().map((text) => text.split('\n')[0]);
  const short = (sha: string) => sha.slice(0, 7);

  before(async () => {
    team = await startTeam();
    first = team.origin.first;
    const { code, stderr } = await run('setup');
    assert.equal(code, 0, stderr);
    commits.good = await team.origin.commitFiles({ 'app.txt': 'good\n' }, 'A good change');
    // Its channels take their time, in which the other tests go on.
    assert.equal((await run('deploy', 'staging', '--commit', commits.good, '--detach')).code, 0);
  });
  after(() => team?.down());

  it('deploys what the worker pushes, puts a bad commit back, rolls back, and each time the team is told', async () => {
    const { good } = commits;
    const planned = await run('plan', 'production');
    assert.equal(planned.code, 0, planned.stderr);
    assert.match(planned.stdout, new RegExp(`→ ${good.slice(0, 7)} `));
    assert.match(
      planned.stdout,
      /fetch: [\s\S]*receive-pack \.[\s\S]*# job fetch\n[\s\S]*update-ref -d "\$pushed"[\s\S]*reset:/,
    );
    const deployed = await run('deploy', 'production');
    assert.equal(deployed.code, 0, deployed.stderr);
    assert.equal(await head(), good);
    assert.deepEqual(headlines(), [
      'production: deploying the newest commit',
      `production: ${short(good)} “A good change” is deployed, verified`,
    ]);

    const bad = await team.origin.commitFiles({ start: '#!/bin/sh\nexit 3\n' }, 'A bad change');
    commits.bad = bad;
    const failed = await run('deploy', 'production');
    assert.equal(failed.code, 1, failed.stderr);
    assert.equal(await head(), good);
    const [, text = ''] = told();
    assert.match(text, new RegExp(`^production: ${short(bad)} .* rolled back; ${short(good)} runs again`));
    assert.match(text, /CommandFailed in start on web-1: .*exit status 3/);

    const back = await run('rollback', 'production', first);
    assert.equal(back.code, 0, back.stderr);
    assert.equal(await head(), first);
    assert.match(told().at(-1) ?? '', new RegExp(`^production: back on ${short(first)}`));
    assert.doesNotMatch(deployed.stderr + failed.stderr + back.stderr, /hunter22/);
  });

  it('tells a webhook, which can check the signature, and GitHub of each deploy and its state', () => {
    const [good, bad, old] = [commits.good, commits.bad, first].map(short);
    const messages = team.genuine.filter(({ target }) => target === 'production').map(({ message }) => message);
    assert.deepEqual(messages, [
      'started production:',
      `succeeded production: ${good} succeeded`,
      'started production:',
      `rolled-back production: ${bad} rolled-back`,
      `started production: ${old}`,
      `succeeded production: ${old} succeeded`,
    ]);
    const deployments = team.github.deployments.map(({ sha, environment, statuses }) => ({
      ...{ sha: short(sha), environment, states: statuses.map(({ state }) => state) },
    }));
    assert.deepEqual(deployments, [
      { sha: good, environment: 'live', states: ['in_progress', 'success'] },
      { sha: bad, environment: 'live', states: ['in_progress', 'failure'] },
      { sha: old, environment: 'live', states: ['in_progress', 'success'] },
    ]);
  });

  it('tells that an operator is needed, where it cannot be put back', async () => {
    const { code, stdout } = await run('deploy', 'broken');
    assert.equal(code, 3, stdout);
    const [, text = ''] = told();
    const [bad, old] = [commits.bad, first].map(short);
    assert.match(text, new RegExp(`^broken: needs an operator. .*${bad}.* failed, and ${old} could not be put back`));
    assert.match(text, /web-1: what it runs is not proven/);
  });

  it('is not drilled while a deploy runs: exit code 4 for who asks, and no drill for the schedule', async () => {
    commits.next = await team.origin.commitFiles(
      { start: `${await team.origin.git('show', `${first}:start`)}\n` },
      'The next change',
    );
    await onHost('touch hold');
    assert.equal((await run('deploy', 'production', '--detach')).code, 0);
    await untilStep(deployOf('production'), 'start');
    const { code, stderr } = await run('drill', 'production');
    assert.equal(code, 4, stderr);
    assert.match(stderr, new RegExp(`deploys ${short(commits.next)}; step start on web-1`));
    const drill = await trigger(team.client, 'drill/production');
    const note = 'deploy/production runs, so there is no drill this time';
    assert.deepEqual(await drill.result(), { started: false, note });
    await onHost('rm hold');
    assert.equal((await reportOf(deployOf('production'))).outcome, 'succeeded');
    assert.equal(await head(), commits.next);
    told();
  });

  it('is drilled by its schedule, and the team is told once, with both times', async () => {
    assert.deepEqual(await (await trigger(team.client, 'drill/production')).result(), { started: true });
    const { kind, actor, outcome, legs = [] } = await reportOf(deployOf('production'));
    const way = legs.map(({ leg, commit }) => [leg, commit]);
    assert.deepEqual([kind, actor, outcome], ['drill', 'schedule', 'succeeded']);
    assert.deepEqual(way, [
      ['back', first],
      ['forward', commits.next],
    ]);
    assert.equal(await head(), commits.next);
    const [text = '', ...more] = told();
    assert.deepEqual(more, []);
    assert.match(text, /^production: the rollback drill succeeded\nby schedule: the scheduled drill\n/);
    const [back, forward] = [first, commits.next].map(short);
    assert.match(text, new RegExp(`back to ${back}: verified after .*s\nforward to ${forward}: verified after .*s`));
  });

  it('is deployed while channels hang and fail, which it names in the end', async () => {
    const handle = deployOf('staging');
    const { outcome, warnings, startedAt, finishedAt, hosts } = await reportOf(handle);
    assert.equal(outcome, 'succeeded');
    const warned = ({ url }: { url: string }) => warnings.find((each) => each.includes(new URL(url).host)) ?? '';
    assert.equal(warnings.length, 2);
    assert.match(warned(team.failing), /^the webhook .* was not told that it is "started": it answered 500: ok$/);
    assert.match(warned(team.silent), /^the webhook .* was not told that it is "started": no answer within (5|20) s$/);
    const recorded = hosts[0]?.steps.find(({ step }) => step === 'record')?.finishedAt ?? '';
    assert.ok(Date.parse(recorded) < Date.parse(finishedAt), `recorded at ${recorded}, ended at ${finishedAt}`);
    const tookMs = Date.parse(finishedAt) - Date.parse(startedAt);
    assert.ok(tookMs < 40_000, `given up after 20 s, with as much again for a busy machine: ${tookMs} ms`);
    assert.ok(team.failing.received.length > 3 && team.silent.received.length > 2, 'each is asked several times');
    const message = `succeeded staging: ${short(commits.good)} succeeded`;
    assert.ok(team.genuine.some((each) => each.message === message));
  });

  it('is watched in its bake by one activity, however often that looks', async () => {
    const { events } = await deployOf('staging').fetchHistory();
    const bakes = events?.filter((each) => each.activityTaskScheduledEventAttributes?.activityType?.name === 'bake');
    assert.equal(bakes?.length, 1);
    const looks = Number(await onHost('wc -l <looks'));
    assert.ok(looks > 10, `${looks} looks`);
  });

  it('shows no secret of a channel in any history or log', async () => {
    let text = team.worker.log();
    for await (const { workflowId, runId } of team.client.workflow.list()) {
      text += decodedHistory(historyToJSON(await team.client.workflow.getHandle(workflowId, runId).fetchHistory()));
    }
    assert.match(text, /"secret":\{"env":"SIGNING_KEY"\}/, 'the payloads were decoded');
    assert.doesNotMatch(text, /hunter22/);
  });
});
