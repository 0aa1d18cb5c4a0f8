import assert from 'node:assert/strict';
import type { DeployKind, Outcome } from '../../src/contracts/deploy.ts';
import type { NotifyFacts } from '../../src/contracts/notification.ts';
import { type NotifyChannel, type NotifyEvent, notifyEvents } from '../../src/contracts/target.ts';
import { deployFacts, eventOf } from '../../src/domain/deploy-notice.ts';
import {
  channelsFor,
  type Message,
  nameOf,
  placeholderNames,
  render,
  secretVariables,
  summaryOf,
  unknownPlaceholder,
} from '../../src/domain/notification.ts';
import { host, newSha, oldSha, second, view } from './cli-views.ts';

const facts: NotifyFacts = {
  ...{ at: second(0), kind: 'deploy', deploy: 'd1', commit: newSha, subject: 'Trade faster', previous: oldSha },
  ...{ actor: 'alice', reason: 'a fix', hosts: ['web-1'] },
};
const message = (event: NotifyEvent, more: Partial<NotifyFacts> = {}, link?: string): Message => ({
  ...{ event, target: 'production', facts: { ...facts, ...more } },
  ...(link === undefined ? {} : { link }),
});

describe('a message', () => {
  const said: [event: NotifyEvent, kind: DeployKind, outcome: Outcome | undefined, headline: string][] = [
    ['started', 'deploy', undefined, 'production: deploying abc1234 “Trade faster”'],
    ['started', 'rollback', undefined, 'production: going back to abc1234 “Trade faster”'],
    ['succeeded', 'deploy', 'succeeded', 'production: abc1234 “Trade faster” is deployed, verified'],
    ['succeeded', 'rollback', 'succeeded', 'production: back on abc1234 “Trade faster”, verified'],
    [
      'failed',
      'deploy',
      'not-applied',
      'production: the deploy of abc1234 “Trade faster” failed before anything was changed',
    ],
    [
      'failed',
      'rollback',
      'aborted',
      'production: the rollback of abc1234 “Trade faster” was aborted; the old release runs',
    ],
    [
      'failed',
      'deploy',
      'superseded',
      'production: the deploy of abc1234 “Trade faster” was superseded by another one',
    ],
    [
      'rolled-back',
      'deploy',
      'rolled-back',
      'production: abc1234 “Trade faster” failed and is rolled back; fd44bca runs again, verified',
    ],
    [
      'needs-operator',
      'deploy',
      'needs-operator',
      'production: needs an operator. The deploy of abc1234 “Trade faster” failed, and fd44bca could not be put back',
    ],
    ['drill', 'drill', 'succeeded', 'production: the rollback drill succeeded'],
    ['drill', 'drill', 'not-applied', 'production: no rollback drill, nothing was changed'],
    ['drill', 'drill', 'rolled-back', 'production: the rollback drill failed; fd44bca runs again, verified'],
    ['drill', 'drill', 'aborted', 'production: the rollback drill was aborted; fd44bca runs'],
  ];
  for (const [event, kind, outcome, headline] of said) {
    it(`of "${event}" (${kind}, ${outcome ?? 'running'}) begins with a line that says it all`, () => {
      const text = render(undefined, message(event, { kind, ...(outcome ? { outcome } : {}) }));
      assert.deepEqual(text.split('\n'), [headline, 'by alice: a fix']);
    });
  }

  it('tells why and where to look, in lines of their own', () => {
    const text = render(undefined, message('unhealthy', { text: 'system: FAIL\n\nweb: 503\n' }, 'http://ui/x'));
    assert.equal(text, 'production: not healthy\nby alice: a fix\nsystem: FAIL\nweb: 503\nhttp://ui/x');
  });

  it('says nothing of what is not known', () => {
    const known = { event: 'started', target: 'production', facts: { at: second(0) } } as const;
    assert.equal(render(undefined, known), 'production: deploying the newest commit');
    assert.equal(
      render(undefined, { ...known, facts: { ...known.facts, kind: 'rollback' } }),
      'production: going back to the last good release',
    );
    for (const event of notifyEvents) {
      assert.doesNotMatch(render(undefined, { ...known, event }), /undefined|[{}]|^$/m, event);
    }
  });

  it('by a template of its own is that template with everything filled in', () => {
    const template = placeholderNames.map((name) => `${name}={${name}}`).join(' ');
    const text = render(template, message('failed', { outcome: 'aborted', text: 'why' }, 'http://ui/x'));
    assert.equal(
      text,
      'event=failed target=production commit=abc1234 subject=Trade faster actor=alice outcome=aborted reason=a fix text=why link=http://ui/x',
    );
  });

  it('drops the lines of a template that nothing is left of, and no others', () => {
    const template = 'Deploy of {target}\n{reason}\n{subject} — {actor}';
    const { reason: _reason, ...without } = facts;
    const text = render(template, { event: 'started', target: 'production', facts: without });
    assert.equal(text, 'Deploy of production\nTrade faster — alice');
  });

  it('fills a value in as it is, whatever placeholder or pattern is in it', () => {
    assert.equal(
      render('{subject}', message('started', { subject: "{reason} $& $1 $' \\n" })),
      "{reason} $& $1 $' \\n",
    );
  });

  it('keeps every value but the text in one line, and none without end', () => {
    const long = message('started', { subject: `a\nb\r\n${'c'.repeat(1000)}`, text: 'line\n'.repeat(40) });
    assert.match(render('{subject}', long), /^a b c{295}…$/);
    const lines = render('{text}', long).split('\n');
    assert.deepEqual([lines.length, lines.at(-1)], [13, '… and 28 more lines']);
  });

  it('escapes what is filled in and leaves the markup of the template', () => {
    const text = render('<!here> {subject}', message('started', { subject: '<!channel>' }), (value) =>
      value.replaceAll('<', '&lt;'),
    );
    assert.equal(text, '<!here> &lt;!channel>');
  });

  it('as a description is one line of at most so many characters', () => {
    const text = summaryOf(message('rolled-back', { subject: 'x'.repeat(200) }), 140);
    assert.equal(text.length, 140);
    assert.match(text, /^production: abc1234 “x+…$/);
  });
});

describe('a placeholder', () => {
  it('that does not exist is found with its place; other braces are text', () => {
    assert.deepEqual(unknownPlaceholder('on {target}: {comit}'), { name: 'comit', offset: 13 });
    assert.deepEqual(unknownPlaceholder('{toString}')?.name, 'toString');
    assert.equal(unknownPlaceholder('{ "a": {} } {commit} {1}'), undefined);
  });
});

describe('a channel', () => {
  const on = [...notifyEvents];
  const slack: NotifyChannel = { slack: { env: 'SLACK_URL' }, on };
  const github: NotifyChannel = { github: 'acme/app', token: { env: 'TOKEN' }, api: 'https://api.github.com', on };
  const webhook: NotifyChannel = { webhook: 'https://user@hooks.example:8443/T0/secret', secret: { env: 'KEY' }, on };

  it('is named without its URL', () => {
    const hidden: NotifyChannel = { webhook: { env: 'HOOK_URL' }, on };
    assert.deepEqual([slack, github, webhook, hidden].map(nameOf), [
      'Slack (SLACK_URL)',
      'GitHub (acme/app)',
      'the webhook (hooks.example:8443)',
      'the webhook (HOOK_URL)',
    ]);
    assert.deepEqual([slack, github, webhook, hidden].map(secretVariables), [
      ['SLACK_URL'],
      ['TOKEN'],
      ['KEY'],
      ['HOOK_URL'],
    ]);
  });

  it('of GitHub is told of deploys only, and of none before its full SHA is known', () => {
    const told = (event: NotifyEvent, commit?: string) =>
      channelsFor([slack, github], event, { at: '', ...(commit === undefined ? {} : { commit }) }).length;
    assert.deepEqual(
      [told('started'), told('started', 'abc1234'), told('started', newSha), told('drift', newSha)],
      [1, 1, 2, 1],
    );
  });
});

describe('what a deploy has to tell', () => {
  it('is one event for each outcome', () => {
    const outcomes = ['succeeded', 'rolled-back', 'needs-operator', 'not-applied', 'aborted', 'superseded'] as const;
    assert.deepEqual(outcomes.map(eventOf), [
      'succeeded',
      'rolled-back',
      'needs-operator',
      'failed',
      'failed',
      'failed',
    ]);
  });

  it('is why it failed, what to do, and what every host warns of', () => {
    const { text } = deployFacts(
      view({
        failure: { type: 'HealthCheckFailed', message: 'system: FAIL', hint: 'Look.', host: 'web-1', step: 'verify' },
        hosts: [
          host({ warnings: ['the env file differs'] }),
          host({
            host: 'web-2',
            verified: true,
            diagnosis: {
              ...{ mode: 'database-connection', finding: 'db exited.', next: 'Start it.' },
              ...{ evidence: [], failing: [] },
            },
          }),
        ],
      }),
      second(9),
      { outcome: 'needs-operator' },
    );
    assert.deepEqual(text?.split('\n'), [
      'HealthCheckFailed in verify on web-1: system: FAIL',
      'Look.',
      'web-2: database-connection: db exited. Start it.',
      'web-1: what it runs is not proven',
      'web-1: the env file differs',
    ]);
  });

  it('of one that has just begun is what was asked for', () => {
    const { commit: _commit, ...loading } = view({ requested: 'abc1234', hosts: [] });
    const { at, commit, actor, text } = deployFacts(loading, second(1));
    assert.deepEqual([at, commit, actor, text], [second(1), 'abc1234', 'alice@laptop', undefined]);
  });
});
