import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import type { EnvConfig } from '../../src/contracts/target.ts';
import {
  conditionProblem,
  duplicateVariables,
  envFileProblems,
  missingVariables,
  parseEnvFile,
} from '../../src/domain/env-file.ts';

const recorded = JSON.parse(readFileSync(new URL('recorded/env-file.json', import.meta.url), 'utf8')) as {
  file: string;
  environment: Record<string, string>;
};

describe('parseEnvFile', () => {
  it('reads every line of a tricky file as Docker Compose did', () => {
    assert.deepEqual(envFileProblems(recorded.file), []);
    assert.deepEqual(Object.fromEntries([...parseEnvFile(recorded.file)].sort()), recorded.environment);
  });

  // Each was tried with Compose 5.6.1, which refuses it.
  for (const [text, line] of [
    ['A="never closed\nB=1\n', 1],
    ['X=1\nA B=1\n', 2],
    ['A!=x\n', 1],
    ['A=${B\n', 1],
    ['A=${1}\n', 1],
    ['A=${B:?must}\n', 1],
  ] as const) {
    it(`refuses ${JSON.stringify(text)} as Compose does, and names the line`, () => {
      assert.deepEqual(
        envFileProblems(text).map((problem) => problem.line),
        [line],
      );
    });
  }

  for (const [text, wanted] of [
    ["A='q' tail\nB=1\n", { A: 'q', B: '1' }],
    ["A='x'B=1\n", { A: 'x', B: '1' }],
    ['A=$\nB=$1x\nC=$(date) `date`\n', { A: '$', B: '$1x', C: '$(date) `date`' }],
    ['A=1\r\nB\r\nC=2', { A: '1', C: '2' }],
    ['A:b=c\nD.T-N=1\nA[0]=x\né=x\n', { A: 'b=c', 'D.T-N': '1', 'A[0]': 'x', é: 'x' }],
    ['A=a\t#c\n', { A: 'a\t#c' }],
    ['A=1 # c\r\nB="x\r\ny" # d\r\n', { A: '1', B: 'x\r\ny' }],
    ['A="\\$B \\\\$B"', { A: '$B \\' }],
    ['export=1\nexportX=3\nexport   B\n', { export: '1', exportX: '3' }],
  ] as const) {
    it(`reads ${JSON.stringify(text)} as Compose does`, () => {
      assert.deepEqual(Object.fromEntries(parseEnvFile(text)), wanted);
    });
  }

  it('never throws, and ends', () => {
    const piece = fc.constantFrom(
      'A',
      'B',
      '=',
      ':',
      '\n',
      '\r',
      '"',
      "'",
      '\\',
      '$',
      '{',
      '}',
      ':-',
      '#',
      ' ',
      'export ',
      '\0',
      'é',
      '\ufeff',
      '!',
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => void envFileProblems(pieces.join(''))),
      { numRuns: 3000 },
    );
  });

  it('keeps the raw text of what it cannot read, so that it can be redacted', () => {
    assert.ok([...parseEnvFile('A="hunter22\nnot a line\n').values()].some((value) => value.includes('hunter22')));
    assert.ok([...parseEnvFile('A="hunter22\nnot a line\n').values()].includes('not a line'));
  });

  it('says what is wrong and where, without showing a value', () => {
    assert.deepEqual(envFileProblems('A=1\nB="hunter22\n'), [{ line: 2, message: 'B: its quote is never closed' }]);
  });
});

describe('duplicateVariables', () => {
  it('names each variable that is set more than once, once', () => {
    assert.deepEqual(duplicateVariables('A=1\nB=2\nA=3\nexport A=4\nC=A=1\nB: 2\n'), ['A', 'B']);
    assert.deepEqual(duplicateVariables('A=1\n#A=2\nB="\nA=3"\n'), []);
  });
});

describe('missingVariables', () => {
  const config: EnvConfig = {
    file: '.env.aws',
    required: ['POSTGRES_DB', 'DATABASE_URL'],
    requiredWhen: [{ if: 'env.RUN_TELEGRAM in ["1", "true"]', then: ['TELEGRAM_BOT_TOKEN'], level: 'warning' }],
  };
  const found = (text: string) =>
    missingVariables(parseEnvFile(text), config).map(({ level, message }) => `${level}: ${message}`);

  it('finds what is not set and what is empty', () => {
    assert.deepEqual(found('DATABASE_URL=\n'), ['error: POSTGRES_DB is not set', 'error: DATABASE_URL is empty']);
  });

  it('asks for more when a condition holds', () => {
    const both = 'POSTGRES_DB=atp\nDATABASE_URL=x\n';
    assert.deepEqual(found(both), []);
    assert.deepEqual(found(`${both}RUN_TELEGRAM=0\n`), []);
    assert.deepEqual(found(`${both}RUN_TELEGRAM=1\n`), [
      'warning: TELEGRAM_BOT_TOKEN is not set, which is required when env.RUN_TELEGRAM in ["1", "true"]',
    ]);
    assert.deepEqual(found(`${both}RUN_TELEGRAM=true\nTELEGRAM_BOT_TOKEN=abc\n`), []);
  });

  it('does not show a value when a condition cannot be evaluated', () => {
    const odd = {
      ...config,
      required: [],
      requiredWhen: [{ if: 'int(env.PORT) > 5', then: ['X'], level: 'error' as const }],
    };
    assert.deepEqual(missingVariables(new Map([['PORT', 'hunter22']]), odd), [
      { name: 'int(env.PORT) > 5', level: 'warning', message: 'the condition int(env.PORT) > 5 cannot be evaluated' },
    ]);
  });

  it('finds mistakes in a condition before there is a file', () => {
    assert.equal(conditionProblem('env.A == "1"'), undefined);
    assert.match(conditionProblem('environment.A == "1"')?.message ?? '', /Unknown variable: environment/);
    assert.match(conditionProblem('env.A')?.message ?? '', /expected a condition/);
  });
});
