/** The JSON Schema, read by a validator as editors have it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { parse } from 'yaml';
import { configJsonSchema } from '../../src/config/json-schema.ts';
import { parseConfig } from '../../src/config/load.ts';

const schema = configJsonSchema();
const validate = new Ajv({ strict: true, strictRequired: false, allErrors: true }).compile(schema);
const example = readFileSync('examples/automated-trading-platform/deploy.yaml', 'utf8');
const changed = (from: string, to: string): string => {
  assert.ok(example.includes(from), from);
  return example.replace(from, to);
};

describe('the JSON Schema', () => {
  for (const name of ['deploy.yaml', 'deploy.commands.yaml']) {
    it(`takes ${name} of the example, which names it for editors`, () => {
      const text = readFileSync(`examples/automated-trading-platform/${name}`, 'utf8');
      validate(parse(text));
      assert.deepEqual(validate.errors, null);
      const [, path = ''] = /^# yaml-language-server: \$schema=(\S+)$/m.exec(text) ?? [];
      const named = new URL(path, new URL(`../../examples/automated-trading-platform/${name}`, import.meta.url));
      assert.deepEqual(JSON.parse(readFileSync(named, 'utf8')), schema);
    });
  }

  for (const [what, text, where] of [
    ['an unknown key', changed('hosts:', 'hots:'), '/targets/production'],
    ['a duration without a unit', changed('wait: 15s', 'wait: "15"'), '/targets/production/wait'],
    ['a number in the place of a path', changed('path: /home', 'path: 7 #'), '/targets/production/repository/path'],
    ['a word that is none of those', changed('from: worker', 'from: wroker'), '/targets/production/health/1/from'],
    ['Compose beside commands', changed('compose:', 'commands: {start: a, stop: b, status: c}\n    compose:'), ''],
    ['a secret in the place of a reference', changed('{ env: EC2_KEY }', 'abc'), '/targets/production/ssh/privateKey'],
  ] as const) {
    it(`refuses ${what}, as dbc does`, () => {
      assert.equal(validate(parse(text)), false);
      const places = validate.errors?.map(({ instancePath }) => instancePath) ?? [];
      assert.ok(
        places.some((place) => place.startsWith(where || '/targets/production')),
        `${places}`,
      );
      assert.throws(() => parseConfig(Buffer.from(text), 'deploy.yaml'));
    });
  }

  it('takes whatever dbc takes', () => {
    let taken = 0;
    const piece = fc.constantFrom('', '0', '1', 'a', ' ', '-', '.', '/', 's', 'm', '"');
    fc.assert(
      fc.property(fc.nat(example.length), fc.nat(3), piece, (at, gone, put) => {
        const text = example.slice(0, at) + put + example.slice(at + gone);
        try {
          parseConfig(Buffer.from(text), 'deploy.yaml');
        } catch {
          return;
        }
        taken++;
        assert.ok(validate(parse(text)), JSON.stringify(validate.errors));
      }),
      { numRuns: 100 },
    );
    assert.ok(taken > 10, `${taken} of 100 were good files`);
  });

  it('describes every key, and says what each text must be', () => {
    const silent: string[] = [];
    const walk = (at: Schema, path: string): void => {
      for (const [key, inner] of Object.entries(at.properties ?? {})) {
        const place = `${path}.${key}`;
        if (!inner.description) silent.push(`${place}: no description`);
        if (inner.type === 'string' && !inner.title && !inner.enum) silent.push(`${place}: no title`);
        walk(inner, place);
      }
      for (const inner of [at.items, at.additionalProperties, ...(at.anyOf ?? [])]) {
        if (typeof inner === 'object') walk(inner, path);
      }
    };
    walk(schema as Schema, '');
    assert.deepEqual(silent, []);
  });
});

interface Schema {
  type?: string;
  title?: string;
  description?: string;
  enum?: unknown[];
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema | boolean;
  anyOf?: Schema[];
}
