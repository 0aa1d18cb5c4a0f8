/** `npm run reference`: writes docs/reference from the code. A unit test compares them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { referenceFiles } from './reference/files.ts';

const folder = resolve(import.meta.dirname, '../docs/reference');
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(referenceFiles())) writeFileSync(resolve(folder, name), text);
