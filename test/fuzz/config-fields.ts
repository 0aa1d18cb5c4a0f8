/** Every text that `deploy.yaml` may hold, found in its schema, and a file that has a given text there. */
import * as z from 'zod';
import { configSchema } from '../../src/config/schema.ts';

/** From the file's root: keys, `[]` for an item, `{}` for a value under any key, `{key}` for such a key; `|2` picks a form. */
export type Field = readonly string[];

export const configFields = (): Field[] => fieldsOf(configSchema as z.ZodType, []);

function fieldsOf(schema: z.ZodType, path: Field): Field[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return fieldsOf(schema.unwrap() as z.ZodType, path);
  }
  if (schema instanceof z.ZodUnion) {
    return (schema.options as z.ZodType[]).flatMap((option, index) => fieldsOf(option, [...path, `|${index}`]));
  }
  if (schema instanceof z.ZodObject) {
    return Object.entries(schema.shape).flatMap(([key, inner]) => fieldsOf(inner as z.ZodType, [...path, key]));
  }
  if (schema instanceof z.ZodArray) return fieldsOf(schema.element as z.ZodType, [...path, '[]']);
  if (schema instanceof z.ZodRecord) {
    return [[...path, '{key}'], ...fieldsOf(schema.valueType as z.ZodType, [...path, '{}'])];
  }
  if (schema instanceof z.ZodString || schema instanceof z.ZodEnum) return [path];
  if (schema instanceof z.ZodNumber || schema instanceof z.ZodBoolean || schema instanceof z.ZodLiteral) return [];
  throw new Error(`the schema has a new kind of value at ${path.join('.')}: teach this test to fill it with attacks`);
}

/** The smallest good file in which this field is the value. */
export const fileWith = (field: Field, value: string): unknown => made(configSchema as z.ZodType, field, value);

function made(schema: z.ZodType, path: Field | undefined, value: string): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return made(schema.unwrap() as z.ZodType, path, value);
  }
  const [step, ...rest] = path ?? [];
  const inner = step === undefined ? undefined : rest;
  if (schema instanceof z.ZodUnion) {
    return made((schema.options as z.ZodType[])[Number(step?.slice(1) ?? 0)] as z.ZodType, inner, value);
  }
  if (schema instanceof z.ZodObject) {
    const entries = Object.entries(schema.shape as Record<string, z.ZodType>)
      .filter(([key, of]) => key === step || !of.safeParse(undefined).success)
      .map(([key, of]) => [key, made(of, key === step ? inner : undefined, value)]);
    return Object.fromEntries(entries);
  }
  if (schema instanceof z.ZodArray) return [made(schema.element as z.ZodType, inner, value)];
  if (schema instanceof z.ZodRecord) {
    const key = step === '{key}' ? value : made(schema.keyType as unknown as z.ZodType, undefined, value);
    // Not by assignment: `__proto__` is a key too.
    return Object.fromEntries([[key, made(schema.valueType as z.ZodType, step === '{}' ? inner : undefined, value)]]);
  }
  if (path !== undefined) return value;
  return goodText(schema);
}

/** A good value of each kind of text, by what the schema says is expected. */
const good: [RegExp, string][] = [
  [/^a target name/, 'production'],
  [/^a host alias/, 'web-1'],
  [/^an address/, '127.0.0.1'],
  [/^user@/, 'ubuntu@127.0.0.1'],
  [/^a variable/, 'NAME'],
  [/^a fingerprint/, `SHA256:${'A'.repeat(43)}`],
  [/^a path on the host/, '/srv/app'],
  [/^a branch/, 'main'],
  [/^a path in the repository/, '.env'],
  [/^a shell command/, 'true'],
  [/^a name of at most/, 'app'],
  [/^a label/, 'answers'],
  [/^an https?:/, 'http://127.0.0.1:1/'],
  [/^a CEL condition/, 'true'],
  [/^a path without/, 'file'],
  [/^owner\/name/, 'acme/app'],
  [/^a cron/, '0 4 * * 0'],
];

function goodText(schema: z.ZodType): unknown {
  if (schema instanceof z.ZodNumber) return 1;
  const title = String(schema.meta()?.['title']);
  const found = good.find(([pattern]) => pattern.test(title));
  if (found === undefined) throw new Error(`the schema has a new required text, ${title}: give it a good value here`);
  return found[1];
}
