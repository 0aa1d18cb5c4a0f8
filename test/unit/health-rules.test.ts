import assert from 'node:assert/strict';
import type { HttpAnswer } from '../../src/domain/health-rules.ts';
import { compileRule, evaluateRule, ruleLabel, ruleProblem } from '../../src/domain/health-rules.ts';

const playbook = {
  market_updater: { status: 'PASS', last_heartbeat_age_minutes: 0.4 },
  market_data: { stale_symbols: 0, max_age_minutes: 1.07 },
  trade_system: { last_check_ok: true, open_orders: 3 },
};
const answer = (body: unknown, over: object = {}): HttpAnswer => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body,
  latencyMs: 12.5,
  ...over,
});
const ask = (expression: string, body: unknown = playbook, over: object = {}) =>
  evaluateRule(compileRule(expression), 'system: rule', answer(body, over), 'fd44bca');

describe('evaluateRule', () => {
  it('shows each value that a rule looked at, whether it holds or not', () => {
    const rule = 'body.market_data.stale_symbols == 0 && body.market_data.max_age_minutes < 5';
    assert.deepEqual(ask(rule), {
      rule: 'system: rule',
      passed: true,
      observed: 'body.market_data.stale_symbols = 0, body.market_data.max_age_minutes = 1.07',
    });
    assert.deepEqual(ask(rule, { market_data: { stale_symbols: 3, max_age_minutes: 9 } }), {
      rule: 'system: rule',
      passed: false,
      observed: 'body.market_data.stale_symbols = 3, body.market_data.max_age_minutes = 9',
    });
  });

  for (const expression of [
    'status == 200',
    'status < 400',
    'status in [200, 204]',
    'latencyMs < 500',
    'commit == "fd44bca"',
    'body.trade_system.last_check_ok',
    'body.trade_system.open_orders == 3',
    'body.trade_system.open_orders == 3.0',
    'body.trade_system.open_orders + 1 == 4',
    'body.trade_system.open_orders % 2 == 1',
    'body.market_data.max_age_minutes > 1',
    'body.trade_system.open_orders / 2 == 1.5',
    'status + body.trade_system.open_orders == 203',
    'headers["content-type"].startsWith("application/")',
    'size(body) == 3',
    '!has(body.telegram)',
    'body.?telegram.?enabled.orValue(false) == false',
    'body.telegram.enabled || status == 200',
  ]) {
    it(`holds: ${expression}`, () => {
      assert.equal(ask(expression).passed, true, ask(expression).observed);
    });
  }

  it('fails and says so when the answer lacks what the rule asks for', () => {
    assert.deepEqual(ask('body.market_data.stale_symbols == 0', {}), {
      rule: 'system: rule',
      passed: false,
      observed: 'No such key: market_data; body.market_data.stale_symbols = missing; body = {}',
    });
  });

  it('fails and says so when there is an error page where JSON was expected', () => {
    const view = ask('body.market_data.stale_symbols == 0', '<html>502 Bad Gateway</html>', { status: 502 });
    assert.equal(view.passed, false);
    assert.match(view.observed, /the answer is no JSON, its status 502/);
  });

  it('fails when types do not fit, or the value is neither true nor false', () => {
    assert.match(
      ask('body.market_updater.status > 5').observed,
      /no such overload: .*; body.market_updater.status = "PASS"/,
    );
    assert.deepEqual(ask('body.market_updater.status'), {
      rule: 'system: rule',
      passed: false,
      observed: 'is neither true nor false: body.market_updater.status = "PASS"',
    });
    assert.equal(ask('body.x', { x: null }).passed, false);
    assert.equal(ask('body.x', { x: 1 }).passed, false);
  });

  it('fails with the reason when nothing answered', () => {
    assert.deepEqual(evaluateRule(compileRule('status == 200'), 'a: b', { error: 'connection refused\n' }, ''), {
      rule: 'a: b',
      passed: false,
      observed: 'connection refused',
    });
  });

  it('reads bodies whose keys mean something in JavaScript', () => {
    const body = JSON.parse('{"constructor": 1, "__proto__": {"a": 2}, "toJSON": 3}') as unknown;
    assert.equal(ask('body.constructor == 1 && body.__proto__.a == 2 && body.toJSON == 3', body).passed, true);
    assert.match(ask('body.toString == 1', body).observed, /No such key: toString/);
  });

  it('survives a body that is nested without end', () => {
    const body = JSON.parse(`${'['.repeat(200_000)}${']'.repeat(200_000)}`) as unknown;
    const view = ask('body == 1', body);
    assert.equal(view.passed, false);
    assert.match(view.observed, /cannot be evaluated/);
  });

  it('shows one line of at most 160 characters without control characters', () => {
    const { observed } = ask('body.a == "x" && body.b == "y" && body.c == 1 && body.d == 2', {
      a: '\x1b[31mred\n\u202e',
      b: 'é'.repeat(500),
      c: 1,
      d: { e: Array.from({ length: 100 }, (_, i) => i) },
    });
    assert.ok(observed.length <= 160, observed);
    assert.doesNotMatch(observed, /[\u0000-\u001f\u202e]/);
    assert.match(observed, /^body.a = ".*red.*body.b = "é+…/);
  });

  it('shows the list behind a macro and no variable of the macro', () => {
    assert.equal(ask('body.all(x, x > 1)', [1, 2]).observed, 'body = [1,2]');
  });

  it('names a rule after its check', () => {
    assert.equal(ruleLabel('system', 'market data'), 'system: market data');
  });
});

describe('compileRule', () => {
  it('finds syntax errors, unknown variables and values that are no condition before any deploy', () => {
    assert.deepEqual(ruleProblem('status = 200'), { message: 'Unexpected character: =', offset: 7 });
    assert.deepEqual(ruleProblem('stauts == 200'), { message: 'Unknown variable: stauts', offset: 0 });
    assert.match(ruleProblem('status == "200"')?.message ?? '', /no such overload: int == string/);
    assert.match(ruleProblem('status')?.message ?? '', /expected a condition \(bool\), found int/);
    assert.match(ruleProblem('')?.message ?? '', /Unexpected token: EOF/);
    assert.equal(ruleProblem('body.anything'), undefined);
    assert.throws(() => compileRule('status ='), { type: 'InvalidInput' });
  });
});
