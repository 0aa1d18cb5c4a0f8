import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { quote, quoteAll } from '../../src/domain/shell-quote.ts';

describe('quote', () => {
  for (const shell of ['sh', 'bash', 'dash']) {
    it(`hands any text without NUL through ${shell} unchanged`, function () {
      if (spawnSync(shell, ['-c', ':']).error !== undefined) this.skip();
      const word = fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: fc.constantFrom(...'\'"\\$`!*?[]{}()<>|&;# ~=\n\t\r\u0001é✓-a'.split('')) }),
      );
      fc.assert(
        fc.property(fc.array(word, { minLength: 1, maxLength: 30 }), (words) => {
          const wanted = words.map((each) => each.replaceAll('\0', ''));
          const script = `printf '%s\\0' ${quoteAll(wanted)}`;
          const { stdout } = spawnSync(shell, ['-s'], { input: script });
          assert.deepEqual(stdout.toString().split('\0').slice(0, -1), wanted);
        }),
        { numRuns: 60 },
      );
    });
  }

  it('refuses NUL', () => {
    assert.throws(() => quote('a\0b'), { type: 'InvalidInput' });
  });

  it('leaves plain words readable and quotes everything that a shell could take for more', () => {
    assert.equal(
      quoteAll(['git', 'checkout', '--force', 'main', 'a/b_c.d:1@x']),
      'git checkout --force main a/b_c.d:1@x',
    );
    assert.equal(quote('PATH=x'), "'PATH=x'");
    assert.equal(quote('~root'), "'~root'");
    assert.equal(quote(''), "''");
    assert.equal(quote("it's"), `'it'\\''s'`);
  });
});
