import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pc from 'picocolors';
import { envLines } from '../../src/cli/commands/env-check.ts';
import { envReport, isEnvUnfit, referencedVariables } from '../../src/domain/env-report.ts';
import { composeOnly } from '../lab/docker-shim.ts';
import { needs } from '../lab/needs.ts';

const plain = pc.createColors(false);
const config = {
  file: '.env.aws',
  required: ['A', 'B', 'C'],
  requiredWhen: [
    { if: 'env.RUN_TELEGRAM in ["1", "true"]', then: ['TOKEN'], level: 'warning' as const },
    { if: 'env.MODE == "live"', then: ['KEY'], level: 'error' as const },
    { if: 'int(env.A) > 1', then: ['D'], level: 'error' as const },
  ],
};

describe('dbc env check', () => {
  it('tells set, empty and missing variables, verdicts and duplicates by name, and never a value', () => {
    const report = envReport('A=hunter22\nB=\nB=\nRUN_TELEGRAM=1\nMODE=test\n', config);
    const lines = envLines(report, plain);
    assert.deepEqual(lines, [
      'Required in .env.aws',
      '   ✓ A  set',
      '   ✗ B  empty',
      '   ✗ C  missing',
      'Required when env.RUN_TELEGRAM in ["1", "true"], which holds',
      '   ! TOKEN  missing',
      'Required when env.MODE == "live", which does not hold',
      '   · KEY  missing',
      'Required when int(env.A) > 1: it cannot be evaluated',
      '   · D  missing',
      'Also in .env.aws',
      '   · RUN_TELEGRAM  set',
      '   · MODE          set',
      '! B is set more than once; the last one counts',
    ]);
    assert.ok(isEnvUnfit(report));
    assert.doesNotMatch(JSON.stringify(report), /hunter22/);
  });

  it('tells what is set where nothing is required', () => {
    const report = envReport('SHOP=acme\nTOKEN=hunter22\nEMPTY=\n', { file: '.env', required: [], requiredWhen: [] });
    assert.deepEqual(envLines(report, plain), [
      'Also in .env',
      '   · SHOP   set',
      '   · TOKEN  set',
      '   · EMPTY  empty',
    ]);
  });

  it('is content when a warning is all that there is, and not when a rule that is an error asks for more', () => {
    const good = 'A=1\nB=1\nC=1\nRUN_TELEGRAM=true\n';
    assert.equal(isEnvUnfit(envReport(good, config)), false);
    assert.equal(isEnvUnfit(envReport(`${good}MODE=live\n`, config)), true);
    assert.equal(isEnvUnfit(envReport(`${good}MODE=live\nKEY=x\n`, config)), false);
    assert.equal(isEnvUnfit(envReport(`${good}D="x\n`, config)), true);
    assert.equal(isEnvUnfit({ ...envReport(good, config), problem: 'it is missing' }), true);
  });

  describe('of the compose file', () => {
    needs('compose');

    it('names the variables that it asks for, as this Compose lists them', async () => {
      const dir = mkdtempSync(join(tmpdir(), 'dbc-variables-'));
      writeFileSync(
        join(dir, 'compose.yaml'),
        'services: { a: { image: "x:${TAG:-a b}", user: "${WHO:?who}", command: "${HERE} ${GONE}" } }\n',
      );
      const options = { cwd: dir, env: { ...(await composeOnly(dir)), WHO: 'me' }, encoding: 'utf8' as const };
      const { stdout } = spawnSync('docker', ['compose', 'config', '--variables'], options);
      rmSync(dir, { recursive: true, force: true });
      assert.deepEqual(referencedVariables(stdout, new Set(['WHO', 'HERE'])), [
        { name: 'GONE', set: false, required: false, hasDefault: false },
        { name: 'HERE', set: true, required: false, hasDefault: false },
        { name: 'TAG', set: false, required: false, hasDefault: true },
        { name: 'WHO', set: true, required: true, hasDefault: false },
      ]);
      assert.deepEqual(referencedVariables('unknown flag: --variables\n', new Set()), []);
    });
  });
});
