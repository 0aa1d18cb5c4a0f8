import assert from 'node:assert/strict';
import pc from 'picocolors';
import { aboutWorkers } from '../../src/cli/commands/doctor.ts';
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
});
