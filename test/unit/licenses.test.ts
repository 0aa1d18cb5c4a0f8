import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { installedDependencies, readInThePackage } from '../../scripts/reference/licenses.ts';

/** May be used in a product without giving its source away; CC-BY-4.0 is that of a table of browsers' data. */
const permissive = new Set([
  'MIT',
  'ISC',
  '0BSD',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'Unlicense',
  'CC-BY-4.0',
]);

describe('what is installed with dbc', () => {
  it('is under licenses that ask for no more than to be named', () => {
    const all = installedDependencies();
    assert.ok(all.length > 50, `${all.length}`);
    assert.deepEqual(
      all.filter(
        ({ license }) => !license.split(/ AND | OR /).every((one) => permissive.has(one.replace(/[()]/g, ''))),
      ),
      [],
    );
  });

  it('is under those that the packages name themselves where the lock file knows none', () => {
    for (const [name, license] of Object.entries(readInThePackage)) {
      const read = (file: string) => readFileSync(join(import.meta.dirname, '../../node_modules', name, file), 'utf8');
      const { licenses } = JSON.parse(read('package.json')) as { licenses?: { type: string }[] };
      const unlicense = /^This is free and unencumbered software released into the public domain/;
      const said = licenses?.[0]?.type ?? (unlicense.test(read('LICENSE')) ? 'Unlicense' : undefined);
      assert.equal(said, license, name);
    }
  });
});
