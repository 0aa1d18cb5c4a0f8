import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { referenceFiles } from '../../scripts/reference/files.ts';

const folder = join(import.meta.dirname, '../../docs/reference');

describe('docs/reference', () => {
  const files = referenceFiles();
  for (const [name, text] of Object.entries(files)) {
    it(`holds ${name} as the code says it; \`npm run reference\` writes it`, () => {
      assert.equal(readFileSync(join(folder, name), 'utf8'), text);
    });
  }

  it('holds nothing else', () => assert.deepEqual(readdirSync(folder).sort(), Object.keys(files).sort()));
});
