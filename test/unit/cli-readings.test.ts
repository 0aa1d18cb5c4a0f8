import assert from 'node:assert/strict';
import pc from 'picocolors';
import { aboutHost, aboutWorkers, findingLines } from '../../src/cli/commands/doctor.ts';
import { releaseLines } from '../../src/cli/commands/releases.ts';

const plain = pc.createColors(false);
const sha = (start: string): string => start.padEnd(40, '0');

describe('dbc releases', () => {
  it('marks what is checked out, the newest first, and tells the faults of a quarantined commit line by line', () => {
    const release = (start: string, day: number) => ({
      ...{ sha: sha(start), deploy: 'd', actor: 'ann', kind: 'deploy' as const, subject: `is ${start}`, images: [] },
      at: `2026-01-0${day}T10:00:00.000Z`,
    });
    const quarantined = [{ sha: sha('cccc3'), why: 'HealthCheckFailed: web-1:\n  - system: answers' }];
    assert.deepEqual(
      releaseLines({ releases: [release('aaaa1', 1), release('bbbb2', 2)], quarantined }, sha('aaaa1'), plain),
      [
        '   COMMIT   WHEN (UTC)        KIND    BY   SUBJECT',
        '   bbbb200  2026-01-02 10:00  deploy  ann  is bbbb2',
        '*  aaaa100  2026-01-01 10:00  deploy  ann  is aaaa1',
        'Quarantined: cccc300: HealthCheckFailed: web-1:',
        '    - system: answers',
      ],
    );
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
