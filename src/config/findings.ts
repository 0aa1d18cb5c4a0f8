import * as z from 'zod';
import { asciiControls, createRedactor, quotedText } from '../domain/redaction.ts';
import { nearest, suggestion } from './suggestion.ts';
import type { Finding, Path, YamlSource } from './yaml-source.ts';

type Issue = z.core.$ZodIssue;

/** What zod found wrong, each with its place in the file, what was expected and what was found. */
export function locate(issues: readonly Issue[], source: YamlSource, schema: z.ZodType): Finding[] {
  const found = issues.flatMap((issue) => findingsOf(issue, [], source, schema));
  // A key that was mistyped is missing as well, and that is one mistake.
  const meant = new Set(found.map(({ meant: key }) => key));
  return found
    .filter(({ missing }) => missing === undefined || !meant.has(missing))
    .map(({ line, column, message }) => ({ line, column, message }));
}

interface LocatedIssue extends Finding {
  /** The key that is not there. */
  missing?: string;
  /** The key that an unknown one was probably meant to be. */
  meant?: string;
}

function findingsOf(issue: Issue, base: Path, source: YamlSource, schema: z.ZodType): LocatedIssue[] {
  const path = [...base, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, path);
    return issue.keys.map((key) => {
      const meant = nearest(key, known);
      return {
        ...source.positionOfKey(path, key),
        message: `${name([...path, key])}: unknown key.${suggestion(key, known) || ` Known are ${known.join(', ')}.`}`,
        ...(meant === undefined ? {} : { meant: name([...path, meant]) }),
      };
    });
  }
  if (issue.code === 'invalid_union') {
    const branch = meantBranch(issue.errors, valueAt(source.value, path));
    if (branch !== undefined) return branch.flatMap((inner) => findingsOf(inner, path, source, schema));
  }
  if (issue.code === 'invalid_key') {
    const place = source.positionOfKey(path.slice(0, -1), String(path.at(-1)));
    return [{ ...place, message: `${name(path)}: expected ${issue.issues[0]?.message ?? issue.message}` }];
  }
  const found = valueAt(source.value, path);
  const near =
    issue.code === 'invalid_value' && typeof found === 'string' ? suggestion(found, issue.values.map(String)) : '';
  const offset = issue.code === 'custom' ? issue.params?.['offset'] : undefined;
  return [
    {
      ...source.positionOf(path, typeof offset === 'number' ? offset : undefined),
      message: `${name(path)}: expected ${expectedOf(issue)}; found ${show(found, path)}${near && `.${near}`}`,
      ...(found === undefined ? { missing: name(path) } : {}),
    },
  ];
}

/** zod's own words are used only where the schema has none. */
function expectedOf(issue: Issue): string {
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')) {
    return issue.expected === 'object' || issue.expected === 'record' ? 'a map' : `a ${issue.expected}`;
  }
  return issue.message;
}

/** Of the forms that a value may have, the one that it was meant to have: the map whose keys fit best. */
function meantBranch(branches: readonly (readonly Issue[])[], value: unknown): readonly Issue[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const unknownKeys = (issues: readonly Issue[]): number =>
    issues.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 0), 0);
  const maps = branches.filter(
    (issues) => !issues.some(({ code, path }) => code === 'invalid_type' && path.length === 0),
  );
  return maps.sort((a, b) => unknownKeys(a) - unknownKeys(b) || a.length - b.length)[0];
}

/** The keys that the schema knows at a path. */
function keysAt(schema: z.ZodType, path: Path): string[] {
  let level = [schema];
  for (const step of path) {
    level = level.flatMap(unwrap).flatMap((each): z.ZodType[] => {
      if (each instanceof z.ZodObject) return each.shape[String(step)] === undefined ? [] : [each.shape[String(step)]];
      if (each instanceof z.ZodRecord) return [each.valueType as z.ZodType];
      return each instanceof z.ZodArray ? [each.element as z.ZodType] : [];
    });
  }
  return [
    ...new Set(level.flatMap(unwrap).flatMap((each) => (each instanceof z.ZodObject ? Object.keys(each.shape) : []))),
  ];
}

function unwrap(schema: z.ZodType): z.ZodType[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return unwrap(schema.unwrap() as z.ZodType);
  }
  return schema instanceof z.ZodUnion ? (schema.options as z.ZodType[]).flatMap(unwrap) : [schema];
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, step) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<PropertyKey, unknown>)[step] : undefined,
    value,
  );
}

/** `targets.production.hosts[0]`; the file itself has no name. */
export function name(path: Path): string {
  const text = path.map((step) => (typeof step === 'number' ? `[${step}]` : keyName(String(step)))).join('');
  return text.replace(/^\./, '') || 'the file';
}

/** A key that is no plain name stands in quotes, so that nothing in it can be taken for more. */
const keyName = (key: string): string => (/^[\w .-]+$/.test(key) ? `.${key}` : `[${quotedText(key.slice(0, 80))}]`);

const redact = createRedactor([]);
const secretKeys = new Set<PropertyKey>(['privateKey', 'slack', 'secret', 'token']);

function show(value: unknown, path: Path): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return Object.keys(value).length === 0 ? 'an empty map' : 'a map';
  // Where a secret was pasted instead of a reference to it, it must not be shown.
  if (typeof value === 'string' && path.some((step) => secretKeys.has(step))) return 'a text';
  const text = redact(asciiControls(JSON.stringify(value)));
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
