import assert from 'node:assert/strict';
import { installedDependencies } from '../../scripts/reference/licenses.ts';

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
});
