import assert from 'node:assert/strict';
import pc from 'picocolors';
import { aboutHost, aboutWorkers, findingLines } from '../../src/cli/commands/doctor.ts';
import { driftLines } from '../../src/cli/commands/drift.ts';
import { planLines } from '../../src/cli/commands/plan.ts';
import { detailLines, matching } from '../../src/cli/render/release-detail.ts';
import { releaseLines } from '../../src/cli/render/release-table.ts';
import { widthOf } from '../../src/cli/render/width.ts';
import type { Drift } from '../../src/contracts/drift.ts';
import type { Release } from '../../src/contracts/host.ts';
import type { HostPlan, PlanCommand } from '../../src/contracts/plan.ts';
import type { CommitInfo, ReleaseHistory } from '../../src/contracts/releases.ts';

const plain = pc.createColors(false);
const sha = (start: string): string => start.padEnd(40, '0');

const image = (service: string, id: string) => ({ service, name: `app-${service}`, id: `sha256:${id}` });
const release = (start: string, day: number, more: Partial<Release> = {}): Release => ({
  ...{ sha: sha(start), deploy: `d${day}`, actor: 'ann', kind: 'deploy', subject: `is ${start}`, images: [] },
  at: `2026-01-0${day}T10:00:00.000Z`,
  ...more,
});
const commit = (start: string, message: string): CommitInfo => ({
  ...{ sha: sha(start), author: 'Bob', email: 'bob@example.com', at: '2026-01-01T11:30:00+02:00', message },
  ...{ files: 1, stat: ' README.md | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n' },
});
const history = (more: Partial<ReleaseHistory> = {}): ReleaseHistory => ({
  ...{ head: sha('aaaa1'), commits: [], saved: [] },
  ...more,
});

describe('dbc plan', () => {
  const command = (script: string, job?: string): PlanCommand =>
    job === undefined ? { kind: 'reading', script } : { kind: 'job', job, script };
  const found: HostPlan = {
    ...{ head: sha('aaaa1'), commit: sha('bbbb2'), refusals: ['Docker: it does not answer\n  at all'] },
    steps: [
      { step: 'inspect', note: 'looks', commands: [command('echo "at git"\n')] },
      { step: 'build', note: 'the old release runs on', commands: [command("set -e\n\n'./build'\n", 'build')] },
      { step: 'wait', note: '15 s', commands: [] },
    ],
    restore: [{ step: 'restore', note: 'puts the old images back', commands: [command(':\n', 'restore-0-images')] }],
  };

  it('shows each step with its commands as they are, what would refuse it, and the way back', () => {
    assert.deepEqual(planLines({ host: 'web-1', address: 'a', plan: found }, plain, true), [
      `   aaaa100 → bbbb200 (${sha('bbbb2')}); nothing of this was run`,
      '   Would be refused: Docker: it does not answer',
      '     at all',
      '',
      '   inspect: looks',
      '     # reads, in 1 line',
      '     echo "at git"',
      '',
      '   build: the old release runs on',
      '     # job build',
      '     set -e',
      '',
      "     './build'",
      '',
      '   wait: 15 s',
      '',
      '   If anything failed after that reset had begun:',
      '',
      '   restore: puts the old images back',
      '     # nothing to run',
    ]);
  });

  it('says that it is shortened, where it is', () => {
    const lines = planLines({ host: 'web-1', address: 'a', plan: found }, plain, false);
    assert.match(lines.at(-1) ?? '', /left out; --full shows it/);
  });
});

describe('dbc releases', () => {
  it('marks what is checked out, the newest first, and tells the faults of a quarantined commit line by line', () => {
    const quarantined = [{ sha: sha('cccc3'), why: 'HealthCheckFailed: web-1:\n  - system: answers' }];
    const releases = [
      release('aaaa1', 1),
      release('bbbb2', 2, { tookMs: 72_000, kind: 'rollback', reason: 'why not' }),
    ];
    assert.deepEqual(releaseLines({ releases, quarantined, history: history() }, plain), [
      '   COMMIT   WHEN (UTC)        TOOK    KIND      IMAGES  BY   BECAUSE',
      '   bbbb200  2026-01-02 10:00  1m 12s  rollback  -       ann  why not',
      '   is bbbb2',
      '*  aaaa100  2026-01-01 10:00  -       deploy    -       ann',
      '   is aaaa1',
      'Quarantined: cccc300: HealthCheckFailed: web-1:',
      '    - system: answers',
    ]);
  });

  it('tells of each release its author, its size, its reason, and whether a rollback to it has to build', () => {
    const images = [image('web', '1'), image('db', '2')];
    const releases = [1, 2, 3, 4].map((day) => release(`aaaa${day}`, day, { images, reason: `reason ${day}` }));
    const imagesGone = { d1: [], d2: ['db'], d3: ['web', 'db'] };
    const lines = releaseLines(
      { releases, history: history({ imagesGone, commits: [commit('aaaa3', 'Third\n\nmore')] }) },
      plain,
    );
    assert.deepEqual(
      lines.filter((line) => line.includes(' deploy ')).map((line) => /deploy +(.*?) {2}/.exec(line)?.[1]),
      ['?', 'gone', '1 of 2 gone', 'there'],
    );
    const third = lines.findIndex((line) => line.startsWith('   aaaa300'));
    assert.match(lines[third] ?? '', / {2}reason 3$/);
    assert.deepEqual(lines.slice(third + 1, third + 3), [
      '   is aaaa3',
      '   Bob, 2026-01-01; 1 file changed, 1 insertion(+), 1 deletion(-)',
    ]);
  });

  it('fits into 100 columns, whatever people write', () => {
    const long = 'Wörter und kein Ende '.repeat(20);
    const releases = [release('aaaa1', 1, { actor: long, subject: long, reason: long })];
    const lines = releaseLines({ releases, history: history({ commits: [commit('aaaa1', long)] }) }, plain);
    assert.ok(lines.length >= 3 && lines.every((line) => widthOf(line) <= 100), lines.join('\n'));
  });

  it('prints of saved changes the commands that show and get them back', () => {
    const commands = { show: 'git show it', apply: 'git apply it', file: 'git checkout it' };
    const saved = [{ ref: 'refs/dbc/saved/d1', at: '2026-01-02T10:00:00.000Z', files: ['README.md'], commands }];
    const lines = releaseLines({ releases: [release('aaaa1', 1)], history: history({ saved }) }, plain).slice(3);
    assert.deepEqual(lines, [
      'Saved manual changes of 2026-01-02 10:00: README.md',
      '  as refs/dbc/saved/d1; on the host,',
      '  git show it',
      '    shows them,',
      '  git apply it',
      '    gets them back on top of what is checked out, and one file as it was',
      '  git checkout it',
    ]);
  });

  it('shows one commit in full: message, author, files, images, deploy, who and why', () => {
    const one = release('aaaa1', 1, { images: [image('web', '1')], reason: 'hotfix', tookMs: 61_000 });
    const recorded = {
      releases: [one, release('bbbb2', 2)],
      quarantined: [{ sha: sha('aaaa1'), why: 'HealthCheckFailed: sick' }],
      history: history({ imagesGone: { d1: ['web'] }, commits: [commit('aaaa1', 'Subject\n\nBody')] }),
    };
    assert.deepEqual(matching(recorded, 'aaaa'), [sha('aaaa1')]);
    assert.deepEqual(matching(recorded, 'ffff'), []);
    assert.deepEqual(detailLines(recorded, sha('aaaa1'), plain), [
      `commit ${sha('aaaa1')}`,
      'Author: Bob <bob@example.com>',
      'Date:   2026-01-01T11:30:00+02:00',
      '',
      '    Subject',
      '',
      '    Body',
      '',
      ' README.md | 2 +-',
      ' 1 file changed, 1 insertion(+), 1 deletion(-)',
      '',
      'Deployed 2026-01-01 10:00 UTC by ann in 1m 1s: succeeded',
      '  Because: hotfix',
      '  Deploy:  d1',
      '  Images:',
      '    web  app-web  sha256:1  gone',
      '',
      'Quarantined: HealthCheckFailed: sick',
    ]);
  });
});

describe('dbc drift', () => {
  it('lists what differs with its kind, and says what could not be compared', () => {
    const drift: Drift = {
      release: { sha: sha('aaaa1'), at: '2026-01-02T10:00:00.000Z' },
      head: sha('aaaa1'),
      findings: [
        { kind: 'manual-change', what: 'README.md was changed by hand' },
        { kind: 'env', what: '.env.aws was changed since the release: changed TOKEN' },
      ],
      notes: ['what should run cannot be read: no'],
    };
    assert.deepEqual(driftLines({ host: 'web-1', address: '', drift }, plain), [
      '   Differs from the release aaaa100 of 2026-01-02 10:00 UTC:',
      '   ✗  manual-change  README.md was changed by hand',
      '   ✗  env            .env.aws was changed since the release: changed TOKEN',
      '   Note: what should run cannot be read: no',
    ]);
    const none = { ...drift, findings: [], notes: [] };
    assert.deepEqual(driftLines({ host: 'web-1', address: '', drift: none }, plain), [
      '   ✓ Is the release aaaa100 of 2026-01-02 10:00 UTC',
    ]);
  });
});

describe('dbc doctor', () => {
  it('tells a worker that asks for work from one that has been silent, and from none', () => {
    const now = Date.parse('2026-01-01T00:10:00Z');
    const ago = (seconds: number) => ({ identity: `w${seconds}`, lastSeen: new Date(now - seconds * 1000) });
    assert.deepEqual(aboutWorkers([ago(200), ago(20)], now).level, 'ok');
    assert.deepEqual(aboutWorkers([{ identity: 'w' }], now).level, 'ok');
    const silent = aboutWorkers([ago(200)], now);
    assert.deepEqual([silent.level, silent.message], ['warning', 'w200 polled 3m 20s ago: probably gone']);
    assert.equal(aboutWorkers([], now).level, 'error');
  });

  it('shows of each host what was looked at, what was found and the cure, and whether it is fit for a deploy', () => {
    const answer = { host: 'web-1', address: '10.0.0.1' };
    const findings = [
      { level: 'ok', about: 'Docker', message: 'engine 26.1.0 with API 1.45' },
      { level: 'error', about: 'port 8002', message: 'held by node (PID 7)', hint: 'Stop it.' },
      { level: 'warning', about: '.env.aws', message: 'everybody can read it', hint: 'chmod 600 it.' },
    ] as const;
    assert.deepEqual(findingLines(aboutHost({ ...answer, findings: [...findings] }), plain), [
      '✗ web-1 (10.0.0.1): not fit for a deploy, 1 error, 1 warning',
      '    ✓ Docker     engine 26.1.0 with API 1.45',
      '    ✗ port 8002  held by node (PID 7)',
      '        Stop it.',
      '    ! .env.aws   everybody can read it',
      '        chmod 600 it.',
    ]);
    const [ready] = aboutHost({ ...answer, findings: [findings[0], findings[2]] });
    assert.deepEqual([ready?.level, ready?.message], ['ok', 'ready for a deploy, 1 warning']);
  });
});
