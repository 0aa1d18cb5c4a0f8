import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { ContainerState } from '../../src/contracts/host.ts';
import { judgeServices, parseComposePs, parseInspect } from '../../src/domain/compose-state.ts';

// Recorded from Docker 20.10 with Compose 5.6.1: one service for each state, and a container of `docker compose run`.
const recorded = (name: string): string => readFileSync(new URL(`recorded/${name}`, import.meta.url), 'utf8');
const ps = recorded('compose-ps.jsonl');
const inspected = JSON.parse(recorded('docker-inspect.json')) as { now: string; containers: unknown[] };
const containers = parseInspect(JSON.stringify(inspected.containers), Date.parse(inspected.now));

const container = (over: Partial<ContainerState> = {}): ContainerState => ({
  id: 'c1',
  service: 'web',
  name: 'shop-web-1',
  imageId: 'sha256:new',
  state: 'running',
  health: '',
  exitCode: 0,
  restarts: 0,
  upSeconds: 60,
  ...over,
});
const judge = (now: ContainerState[], more: Partial<Parameters<typeof judgeServices>[0]> = {}) =>
  judgeServices({ expectedServices: ['web'], containers: now, reference: [], expectedImages: [], ...more })[0];

describe('parseComposePs', () => {
  it('reads the lines that Compose writes now and the array that it wrote before', () => {
    const asArray = `[${ps.trim().split('\n').join(',')}]`;
    assert.deepEqual(parseComposePs(ps), parseComposePs(asArray));
    const broken = parseComposePs(ps).find(({ service }) => service === 'broken');
    assert.deepEqual(broken, {
      id: 'db2f53582036',
      service: 'broken',
      name: 'shop-broken-1',
      state: 'exited',
      health: '',
      exitCode: 3,
    });
  });

  it('leaves out containers of `docker compose run`', () => {
    assert.match(ps, /shop-oneoff/);
    assert.deepEqual(
      parseComposePs(ps)
        .map(({ name }) => name)
        .sort(),
      containers.map(({ name }) => name).sort(),
    );
  });

  it('reads nothing as no containers, and refuses what is no JSON', () => {
    assert.deepEqual(parseComposePs('\n'), []);
    assert.throws(() => parseComposePs('no configuration file provided'), { type: 'CommandFailed' });
  });
});

describe('parseInspect', () => {
  it('reads state, health, exit code, restarts, image and how long a container has been up', () => {
    assert.deepEqual(
      containers.map(({ service, state, health }) => `${service} ${state} ${health}`.trim()),
      [
        'broken exited',
        'cache running',
        'killed exited',
        'looping restarting',
        'migrate exited',
        'quoted paused',
        'sick running unhealthy',
        'warming running starting',
        'web running healthy',
        'worker running',
        'worker running',
      ],
    );
    const [cache] = containers.filter(({ service }) => service === 'cache');
    assert.deepEqual([cache?.imageId.slice(0, 13), cache?.upSeconds], ['sha256:b272e5', 38]);
    assert.ok((containers.find(({ service }) => service === 'looping')?.restarts ?? 0) > 3);
  });

  it('does not let a clock that was set back make a start time negative', () => {
    assert.ok(parseInspect(JSON.stringify(inspected.containers), 0).every(({ upSeconds }) => upSeconds === 0));
  });
});

describe('judgeServices', () => {
  it('judges a recorded project service by service', () => {
    const services = [
      'broken',
      'cache',
      'gone',
      'killed',
      'looping',
      'migrate',
      'quoted',
      'sick',
      'warming',
      'web',
      'worker',
    ];
    const views = judgeServices({ expectedServices: services, containers, reference: [], expectedImages: [] });
    assert.deepEqual(
      views.map(({ service, healthy }) => `${service} ${healthy}`),
      services.map((service) => `${service} ${['cache', 'migrate', 'web', 'worker'].includes(service)}`),
    );
    const notes = Object.fromEntries(views.map(({ service, note }) => [service, note]));
    assert.equal(notes['broken'], 'exited with 3');
    assert.equal(notes['killed'], 'exited with 137 (signal 9, perhaps out of memory)');
    assert.match(notes['looping'] ?? '', /^exited with 1, restarted \d+ times$/);
    assert.equal(notes['quoted'], 'is paused');
    assert.equal(notes['sick'], 'its healthcheck fails');
    assert.equal(notes['warming'], 'its healthcheck has not passed yet');
    assert.equal(notes['gone'], 'has no container');
    assert.match(notes['worker'] ?? '', /^2 containers, image [0-9a-f]{12}$/);
  });

  it('demands the image that was just built', () => {
    const expectedImages = [{ service: 'web', name: 'shop-web', id: 'sha256:0123456789abcdef' }];
    assert.deepEqual(judge([container({ imageId: 'sha256:fedcba9876543210' })], { expectedImages }), {
      service: 'web',
      state: 'running',
      healthy: false,
      note: 'runs image fedcba987654, expected 0123456789ab',
    });
    assert.equal(judge([container({ state: 'exited', imageId: 'sha256:old' })], { expectedImages })?.healthy, false);
  });

  it('finds one bad replica among good ones', () => {
    const view = judge([container(), container({ id: 'c2', name: 'shop-web-2', health: 'unhealthy' })]);
    assert.equal(view?.note, 'shop-web-2: its healthcheck fails');
  });

  it('takes exit status 0 for done, but not of a service that Docker keeps running', () => {
    const done = container({ state: 'exited', health: '', exitCode: 0, upSeconds: 0 });
    assert.equal(judge([done])?.healthy, true);
    const stopped = judge([done], { staysUp: [done.service] });
    assert.deepEqual([stopped?.healthy, stopped?.note], [false, 'exited with 0, as somebody stopped it']);
  });

  it('does not take a crash-looper for healthy between two crashes', () => {
    const view = judge([container({ restarts: 2, upSeconds: 3, health: 'healthy' })]);
    assert.equal(view?.healthy, false);
    assert.equal(view?.note, 'restarted 2 times, last 3 s ago; it must stay up for 20 s');
    assert.equal(judge([container({ restarts: 2, upSeconds: 20 })])?.healthy, true);
  });

  it('does not hold restarts against a container that are older than the deploy', () => {
    const reference = [container({ restarts: 7 })];
    assert.equal(judge([container({ restarts: 7, upSeconds: 3 })], { reference })?.healthy, true);
    assert.equal(judge([container({ restarts: 8, upSeconds: 3 })], { reference })?.healthy, false);
    assert.equal(judge([container({ id: 'c9', restarts: 7, upSeconds: 3 })], { reference })?.healthy, false);
  });

  it('is content with a one-shot that exited 0', () => {
    assert.equal(judge([container({ state: 'exited', upSeconds: 0 })])?.healthy, true);
    assert.equal(judge([container({ state: 'exited', exitCode: 1, upSeconds: 0 })])?.healthy, false);
  });

  it('passes over other services, unless nothing else may run', () => {
    const all = { containers: [container(), container({ id: 'c2', service: 'debug' })] };
    const input = { expectedServices: ['web', 'web'], reference: [], expectedImages: [], ...all };
    assert.deepEqual(
      judgeServices(input).map(({ service }) => service),
      ['web'],
    );
    assert.deepEqual(
      judgeServices({ ...input, exact: true }).map(({ service, healthy }) => [service, healthy]),
      [
        ['web', true],
        ['debug', false],
      ],
    );
  });
});
