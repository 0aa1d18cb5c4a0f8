import assert from 'node:assert/strict';
import type { ComposeSnapshot, ContainerState, Release } from '../../src/contracts/host.ts';
import { type Compared, driftOf } from '../../src/domain/drift.ts';

const sha = 'a'.repeat(40);
const image = (service: string, id = service) => ({ service, name: `app-${service}`, id: `sha256:${id}` });
const release: Release = {
  ...{ sha, deploy: 'd1', at: '2026-01-02T10:00:00.000Z', actor: 'ann', kind: 'deploy', subject: 'A change' },
  images: [image('web'), image('db')],
};
const container = (service: string, more: Partial<ContainerState> = {}): ContainerState => ({
  ...{ id: `id-${service}`, service, name: `app-${service}-1`, imageId: `sha256:${service}`, state: 'running' },
  ...{ health: 'healthy', exitCode: 0, restarts: 0, upSeconds: 100 },
  ...more,
});

interface Change {
  now?: Partial<Compared['now']>;
  containers?: ContainerState[];
  images?: ComposeSnapshot['images'];
  services?: string[];
  env?: NonNullable<Compared['env']>;
  release?: Release | undefined;
}

/** A host that is what its release says, but for the change. */
const compare = (change: Change = {}) => {
  const { containers = [container('web'), container('db')], images = release.images, env } = change;
  const runtime: ComposeSnapshot = { kind: 'compose', project: 'app', containers, images };
  const last = 'release' in change ? change.release : release;
  return driftOf({
    branch: 'main',
    ...(last ? { release: last } : {}),
    now: {
      ...{ head: sha, branch: 'main', manualChanges: [] },
      state: { runtime, services: change.services ?? ['web', 'db'] },
      ...change.now,
    },
    ...(env ? { env } : {}),
  });
};
const found = (change: Change): string[] => compare(change).findings.map(({ kind, what }) => `${kind}: ${what}`);
const env = (then: Record<string, string> | 'same' | undefined, now: Record<string, string> | undefined) => ({
  file: '.env.aws',
  then: typeof then === 'object' ? new Map(Object.entries(then)) : then,
  now: now && new Map(Object.entries(now)),
});

describe('drift', () => {
  it('is nothing on a host that is what its last release says', () => {
    assert.deepEqual(compare({ env: env('same', { A: '1' }) }), {
      ...{ release: { sha, at: release.at }, head: sha, findings: [], notes: [] },
    });
  });

  const cases: [string, Change, string[]][] = [
    [
      'tracked files that were changed',
      { now: { manualChanges: ['README.md', '"a\\tb"'] } },
      ['manual-change: README.md was changed by hand', 'manual-change: "a\\tb" was changed by hand'],
    ],
    ['another commit', { now: { head: 'b'.repeat(40) } }, ['head: HEAD is bbbbbbb, the last release is aaaaaaa']],
    ['another branch', { now: { branch: 'hotfix' } }, ['branch: the branch is hotfix, expected main']],
    [
      'a container on another image',
      { containers: [container('web', { imageId: 'sha256:other' }), container('db')] },
      ["image: app-web-1 runs image other, the release's is web"],
    ],
    [
      'an image name that means another image by now',
      { images: [image('web', 'other'), image('db')] },
      ["image: app-web is image other now, the release's is web; web would get it when it is created again"],
    ],
    ['a service that is gone', { containers: [container('web')] }, ['service-missing: db has no container']],
    [
      'a service that was stopped',
      { containers: [container('web', { state: 'exited', exitCode: 137 }), container('db')] },
      ['service-missing: web exited with 137 (signal 9, perhaps out of memory)'],
    ],
    [
      'a service that the release does not have',
      { containers: [container('web'), container('db'), container('debug')] },
      ['service-extra: debug is running, and not part of the release'],
    ],
    [
      'variables that were added, removed and changed, by their names only',
      { env: env({ A: 'secret-1', B: '2', C: '3' }, { A: 'secret-2', C: '3', D: 'secret-3' }) },
      ['env: .env.aws was changed since the release: added D; removed B; changed A'],
    ],
    [
      'an env file that says the same in other words',
      { env: env({ A: '1' }, { A: '1' }) },
      ['env: .env.aws was changed since the release: comments, order or quotes, and no value'],
    ],
    [
      'an env file that is gone',
      { env: env({ A: '1' }, undefined) },
      ['env: .env.aws is gone, is empty, or cannot be read'],
    ],
  ];
  for (const [name, change, expected] of cases) {
    it(`is ${name}`, () => assert.deepEqual(found(change), expected));
  }

  it('is a detached HEAD', () => {
    const { branch: _, ...now } = { branch: '', head: sha, manualChanges: [] };
    const state = { runtime: { kind: 'commands', running: true, status: '' } as const };
    assert.deepEqual(driftOf({ branch: 'main', release, now: { ...now, state } }).findings, [
      { kind: 'branch', what: 'HEAD is detached, expected main' },
    ]);
  });

  it('is an application of commands that does not run', () => {
    const state = { runtime: { kind: 'commands', running: false, status: '' } as const };
    const now = { head: sha, branch: 'main', manualChanges: [], state };
    assert.deepEqual(
      driftOf({ branch: 'main', release, now }).findings.map(({ kind }) => kind),
      ['service-missing'],
    );
  });

  it('shows no line of an env file that only looks like a variable', () => {
    const key = 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj';
    assert.deepEqual(found({ env: env({}, { A: '1', [key]: '', 'line 3': 'x' }) }), [
      'env: .env.aws was changed since the release: added A, 2 other lines',
    ]);
  });

  it('is neither a service that is unhealthy or restarts, nor a one-shot that is done: health is asked elsewhere', () => {
    const containers = [
      container('web', { health: 'unhealthy' }),
      container('db', { state: 'restarting', exitCode: 1 }),
      container('migrate', { state: 'exited', exitCode: 0 }),
    ];
    assert.deepEqual(found({ containers, services: ['web', 'db', 'migrate'] }), []);
  });

  it('is not claimed where there is nothing to compare with, which is said', () => {
    const nothing = compare({ release: undefined, now: { head: 'b'.repeat(40), branch: 'main', manualChanges: [] } });
    assert.deepEqual([nothing.findings, nothing.release], [[], undefined]);
    assert.match(nothing.notes.join(), /no release is recorded/);
    assert.match(compare({ env: env(undefined, { A: '1' }) }).notes.join(), /no copy of \.env\.aws was kept/);
    const state = { runtime: { kind: 'compose', project: 'app', containers: [container('web')], images: [] } as const };
    const unread = compare({
      now: {
        state: {
          ...state,
          runtime: { ...state.runtime, containers: [container('web')], images: [] },
          problem: 'yaml: line 3',
        },
      },
    });
    assert.deepEqual([unread.findings, unread.notes], [[], ['what should run cannot be read: yaml: line 3']]);
  });
});
