import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compileRule, evaluateRule } from '../../src/domain/health-rules.ts';
import { parseProbeBody } from '../../src/domain/probe-body.ts';
import { createRedactor } from '../../src/domain/redaction.ts';

describe('the body of a health answer', () => {
  it('is read as JSON.parse reads it, but for whole numbers that it would round', () => {
    const rounded = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? Number(value) : value);
    fc.assert(
      fc.property(fc.jsonValue(), fc.bigInt(-(2n ** 80n), 2n ** 80n), (value, long) => {
        const json = `{"value": ${JSON.stringify(value)}, "text": "${long}", "long": ${long}}`;
        const body = parseProbeBody(json) as { text: string; long: number | bigint };
        assert.deepEqual(JSON.parse(JSON.stringify(body, rounded)), JSON.parse(json));
        assert.deepEqual([body.text, BigInt(body.long)], [String(long), long]);
      }),
    );
  });

  for (const [what, text, body] of [
    ['text', 'ok', 'ok'],
    ['nothing', '', ''],
    ['half a document', '{"a": 1', '{"a": 1'],
    ['NaN, which is no JSON', '{"a": NaN}', '{"a": NaN}'],
    ['JSON after a byte order mark', '\ufeff{"a": 1}', { a: 1 }],
    ['a fraction of many digits', '0.12345678901234567890', 0.12345678901234568],
    ['a number with an exponent', '12345678901234567e3', 12345678901234567e3],
  ] as const) {
    it(`may be ${what}`, () => assert.deepEqual(parseProbeBody(text), body));
  }

  it('compares long whole numbers exactly', () => {
    const holds = (rule: string) => {
      const body = parseProbeBody('{"id": 9007199254740993}');
      return evaluateRule(compileRule(rule), '', { status: 200, headers: {}, body, latencyMs: 1 }, '').passed;
    };
    assert.deepEqual(
      ['body.id == 9007199254740993', 'body.id == 9007199254740992', 'body.id > 9007199254740992', 'body.id < 5'].map(
        holds,
      ),
      [true, false, true, false],
    );
  });

  it('shows no beginning of a secret that is longer than what is shown', () => {
    const secret = `s3cret-${'x'.repeat(100)}`;
    const redact = createRedactor([secret]);
    for (const body of [{ a: `key ${secret}` }, `<html>${secret}`, [secret]]) {
      const answer = { status: 500, headers: {}, body, latencyMs: 1 };
      const { observed } = evaluateRule(compileRule('body.a == 1'), '', answer, '', redact);
      assert.match(observed, /•••/);
      assert.doesNotMatch(observed, /s3cret/);
    }
  });
});
