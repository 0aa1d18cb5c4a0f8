import assert from 'node:assert/strict';
import pc from 'picocolors';
import { diagnosisLines } from '../../src/cli/render/diagnosis.ts';
import { liveLines } from '../../src/cli/render/live.ts';
import { summary } from '../../src/cli/render/summary.ts';
import { checklist } from '../../src/domain/checklist.ts';
import { diagnosis, host, report, viewAt } from './cli-views.ts';

const plain = pc.createColors(false);

describe('a diagnosis, for people', () => {
  it('is mode and service, what was seen, what to do, and every piece of evidence', () => {
    assert.deepEqual(diagnosisLines(diagnosis(), plain, 'in full'), [
      '   ✗ Database connection error: backend-aws',
      '     backend-aws cannot use its database, wrong password: password authentication failed.',
      '     Not well besides: frontend',
      '     What to do: Correct DATABASE_URL in .env.aws, then `docker compose --profile aws up -d --force-recreate backend-aws`.',
      '',
      '     $ docker compose exec -T backend-aws',
      ...['one', 'two', 'three', 'four'].map((line) => `     | ${line}`),
      '',
      '     $ docker compose ps -a',
      '     | NAME STATUS',
    ]);
  });

  it('stands in the summary of the deploy that failed, with the end of the first evidence', () => {
    const hosts = [host({ diagnosis: diagnosis() })];
    const text = summary(report({ outcome: 'rolled-back', hosts }), plain).join('\n');
    assert.match(
      text,
      /✗ Database connection error: backend-aws\n.*wrong password.*\n {5}What to do: Correct DATABASE_URL/,
    );
    assert.match(text, /\$ docker compose exec -T backend-aws\n {5}\| two\n {5}\| three\n {5}\| four\n?/);
    assert.doesNotMatch(text, /ps -a/);
    assert.doesNotMatch(text, /web-1:\n/, 'no need to name the only host');
  });

  it('names its host where there are several, and of a host that became healthy tells one line', () => {
    const hosts = [host({ host: 'web-1' }), host({ host: 'web-2', diagnosis: diagnosis() })];
    const text = (outcome: 'rolled-back' | 'succeeded') => summary(report({ outcome, hosts }), plain).join('\n');
    assert.match(text('rolled-back'), /\n {3}web-2:\n {3}✗ Database connection error/);
    assert.match(
      text('succeeded'),
      /\n {3}web-2 was not healthy at first: Database connection error \(backend-aws\): /,
    );
    assert.doesNotMatch(text('succeeded'), /What to do/);
  });

  it('is one line of the live view and of the checklist in Temporal', () => {
    const view = viewAt('verify', 'failed');
    view.hosts = view.hosts.map((each) => ({ ...each, diagnosis: diagnosis() }));
    const lines = liveLines({ view, running: [] }, { columns: 60, rows: 40, now: 0, colors: plain });
    assert.ok(lines.includes('    ✗ Database connection error (backend-aws): backend-aws …'), lines.join('\n'));
    assert.equal(checklist(view).split(`**${view.hosts[0]?.host}**`).length, 2, 'a host stands there once');
    assert.match(checklist(view), /\n- \*\*database-connection\*\*: backend-aws cannot use.* Correct DATABASE_URL/);
  });
});
