/** A harness that finds nothing proves something only if it would find it. */
import assert from 'node:assert/strict';
import type { DeployReport, HostView, Outcome } from '../../src/contracts/deploy.ts';
import type { HostEvidence } from '../chaos/evidence.ts';
import { brokenAfterRecovery, brokenInvariants } from '../chaos/invariants.ts';
import { makePlan, type Plan } from '../chaos/plan.ts';
import type { Seen } from '../chaos/round.ts';

const [oldSha, newSha] = ['a'.repeat(40), 'b'.repeat(40)];

const host = (sha: string, change: Partial<HostEvidence> = {}): HostEvidence => ({
  bootId: 'boot',
  head: sha,
  branch: 'main',
  changes: '',
  services: ['ticker busybox running', `web web-${sha} running`],
  images: { 'busybox:1': 'busybox', 'app-web:latest': `web-${sha}` },
  app: { commit: sha, health: 'PASS' },
  recorded: sha,
  recordedBy: 'deploy',
  ...{ lease: '', snapshots: [], processes: [], jobs: [] },
  ...change,
});

const report = (outcome: Outcome, change: Partial<DeployReport> = {}): DeployReport => {
  const view: Partial<HostView> = {
    host: 'web-1',
    before: oldSha,
    now: outcome === 'succeeded' ? newSha : oldSha,
    verified: true,
    warnings: [],
    steps: [{ step: 'inspect', state: 'done', finishedAt: '2026-01-01T00:00:01.000Z' }],
  };
  return { outcome, commit: newSha, hosts: [view], ...change } as DeployReport;
};

const plan: Plan = {
  ...{ seed: 1, round: 0, stage: 'one host' },
  first: { do: 'deploy', commit: 'good', target: 'production' },
  events: [],
  recovery: 'deploy',
};

const seen = (outcome: Outcome, change: Partial<Seen> = {}): Seen => ({
  plan:
    outcome === 'succeeded' ? plan : { ...plan, first: { do: 'deploy', commit: 'unhealthy', target: 'production' } },
  before: [host(oldSha)],
  after: [host(outcome === 'succeeded' ? newSha : oldSha)],
  traces: [''],
  deploys: [{ id: 'deploy', target: 'production', lastRun: 'run', report: report(outcome) }],
  ...{ events: [], notes: [], edits: [], closed: true },
  ...change,
});

const job = (name: string, round = 0, status = '0') => ({
  key: `deploy.${name}.${round}`,
  ...{ deploy: 'deploy', name, round, status, started: true },
});

/** A deploy that a Reset woke when it had come to its end: no host lets it in, and it says nothing of them. */
const resetAtEnd = (after: HostEvidence): Seen => {
  const ended = report('superseded', { failure: { type: 'LeaseLost', message: 'it was taken away' } });
  const hosts = ended.hosts.map(({ now: _, ...view }) => ({ ...view, verified: false }));
  const deploy = { id: 'deploy', target: 'production' as const, lastRun: 'run', resetAtEnd: true as const };
  const what = { actor: 'reset' as const, far: 1 };
  return seen('superseded', {
    after: [after],
    deploys: [{ ...deploy, report: { ...ended, hosts } }],
    events: [{ at: { step: 'releaseLease', ms: 0 }, what, began: 1 }],
  });
};

describe('what chaos looks for', () => {
  it('is satisfied by a deploy that succeeded, and by one that was rolled back', () => {
    assert.deepEqual(brokenInvariants(seen('succeeded')), []);
    assert.deepEqual(brokenInvariants(seen('rolled-back')), []);
  });

  it('takes any whole release for right after a Reset of a deploy that had come to its end', () => {
    assert.deepEqual(brokenInvariants(resetAtEnd(host(newSha))), []);
    assert.deepEqual(brokenInvariants(resetAtEnd(host(oldSha))), []);
  });

  it('takes a command that a reboot killed for ended, though its process ID is given out anew', () => {
    const trace = [
      'start 1.0 7 git checkout --force -B main',
      'start 2.0 8 git checkout --quiet --detach',
      'end 2.5 8 0',
      'start 3.0 7 git diff',
      'end 3.5 7 0',
    ].join('\n');
    assert.deepEqual(brokenInvariants(seen('succeeded', { traces: [trace] })), []);
  });

  const broken: Record<string, [Seen, RegExp]> = {
    'a workflow that stays open': [seen('succeeded', { closed: false }), /did not close/],
    'a success without the release': [seen('succeeded', { after: [host(oldSha)] }), /HEAD is/],
    'an old service beside a new checkout': [
      seen('succeeded', { after: [host(newSha, { app: { commit: oldSha, health: 'PASS' } })] }),
      /the application is/,
    ],
    'a rollback that is none': [seen('rolled-back', { after: [host(newSha)] }), /head was/],
    'a restored service that does not run': [
      seen('rolled-back', { after: [host(oldSha, { services: [`web web-${oldSha} running`] })] }),
      /services was/,
    ],
    'manual changes that are gone': [
      seen('rolled-back', { before: [host(oldSha, { changes: ' M notes.txt' })] }),
      /changes was/,
    ],
    'a lease that is left': [seen('succeeded', { after: [host(newSha, { lease: '4 deploy' })] }), /a lease is left/],
    'a job that runs on': [seen('succeeded', { after: [host(newSha, { processes: ['7 sh'] })] }), /runs on/],
    'a second round of a build that was not lost': [
      seen('succeeded', { after: [host(newSha, { jobs: [job('build'), job('build', 1)] })] }),
      /build\.1 ran although/,
    ],
    'a build without a job': [
      seen('succeeded', { traces: ['start 1.0 7 docker compose -p app build\nend 2.0 7 0'] }),
      /build ran 1 times for 0 jobs/,
    ],
    'two commands at once': [
      seen('succeeded', {
        after: [host(newSha, { jobs: [job('start')] })],
        traces: [
          'start 1.0 7 git fetch origin\nstart 1.5 8 docker compose -p app up -d --remove-orphans --no-build\nend 2.0 7 0\nend 3.0 8 0',
        ],
      }),
      /began while/,
    ],
    'a step after the abort': [
      seen('aborted', {
        deploys: [
          {
            ...{ id: 'deploy', target: 'production', lastRun: 'run' },
            report: report('aborted', {
              abort: { by: 'a test', reason: 'why', at: '2026-01-01T00:00:02.000Z', accepted: true },
              hosts: report('aborted').hosts.map((view) => ({
                ...view,
                steps: [...view.steps, { step: 'start', state: 'done', startedAt: '2026-01-01T00:00:03.000Z' }],
              })),
            }),
          },
        ],
      }),
      /after the abort/,
    ],
    'a lease that is lost, and nobody took it': [
      seen('superseded', {
        deploys: [
          {
            ...{ id: 'deploy', target: 'production', lastRun: 'run' },
            report: report('superseded', { failure: { type: 'LeaseLost', message: 'it was taken away' } }),
          },
        ],
      }),
      /ended superseded.*it was taken away/,
    ],
    'an operator who is not told why': [seen('needs-operator'), /without a reason/],
    'an operator who is called for nothing': [
      seen('needs-operator', {
        deploys: [
          {
            ...{ id: 'deploy', target: 'production', lastRun: 'run' },
            report: report('needs-operator', { failure: { type: 'RestoreFailed', message: 'it does not start' } }),
          },
        ],
      }),
      /ended needs-operator.*it does not start/,
    ],
    'a good commit that is rolled back for nothing': [seen('rolled-back', { plan }), /ended rolled-back/],
    'half a release after a Reset at the end': [
      resetAtEnd(host(newSha, { app: { commit: oldSha, health: 'PASS' } })),
      /the application is/,
    ],
    'a third release after a Reset at the end': [resetAtEnd(host('c'.repeat(40))), /HEAD is/],
    'an edit that is nowhere': [
      seen('succeeded', { edits: [{ text: 'by hand', host: 0, before: true, places: [] }] }),
      /is nowhere/,
    ],
  };
  for (const [what, [round, message]] of Object.entries(broken)) {
    it(`finds ${what}`, () => assert.match(brokenInvariants(round).join('\n'), message));
  }

  it('finds a host that does not take the next deploy', () => {
    assert.match(brokenAfterRecovery('one host', report('rolled-back'), [host(oldSha)]).join(), /the recovery ended/);
    assert.deepEqual(brokenAfterRecovery('one host', report('succeeded'), [host(newSha)]), []);
  });
});

describe('a plan of chaos', () => {
  it('is the same whenever it is made of the same seed and round, and another one otherwise', () => {
    assert.deepEqual(makePlan(3, 14), makePlan(3, 14));
    const plans = Array.from({ length: 20 }, (_, round) =>
      JSON.stringify({ ...makePlan(3, round), round: 0, stage: '' }),
    );
    assert.equal(new Set(plans).size, plans.length);
  });

  it('is data', () => {
    assert.deepEqual(JSON.parse(JSON.stringify(makePlan(3, 14))), makePlan(3, 14));
  });
});
