/** docs/reference/config.md: every key of deploy.yaml, from its schema. */

/** What we use of JSON Schema. */
export interface Schema {
  type?: string;
  title?: string;
  description?: string;
  default?: unknown;
  const?: unknown;
  enum?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
  anyOf?: Schema[];
}

export function configReference(schema: Schema): string {
  const target = schema.properties?.['targets']?.additionalProperties as Schema;
  const sections = Object.entries(target.properties ?? {});
  const required = new Set(target.required);
  return [
    '# `deploy.yaml`',
    '',
    '<!-- Written by `npm run reference` from src/config/schema.ts. -->',
    '',
    'Every key is listed here with what it may hold and what is in force without it. Keys that are not known are refused.',
    '`dbc init` writes a file to begin with, `dbc config` checks it and prints what is in force, and `dbc schema` prints the',
    'JSON Schema with which an editor completes it, named in the first line of the file:',
    '',
    '```yaml',
    '# yaml-language-server: $schema=./deploy.schema.json',
    'targets:',
    '  production:            # a name: a-z, 0-9 and -; everything below stands under it',
    '    hosts: [ubuntu@203.0.113.7]',
    '    repository: { path: /home/ubuntu/my-app, branch: main }',
    '```',
    '',
    'No secret stands in the file: where one is needed, it names the variable or the file that holds it. Paths of the file are',
    'relative to its folder, `~/` is the home directory, and no `${NAME}` is filled in.',
    '',
    'Under the name of a target:',
    '',
    '| key | default | |',
    '| --- | --- | --- |',
    ...sections.map(([key, one]) => {
      const byDefault = required.has(key) ? '**required**' : leaf(one) ? defaultOf(one) : '';
      return `| [\`${key}\`](#${key}) | ${byDefault} | ${cell(one.description ?? '')} |`;
    }),
    '',
    ...sections.flatMap(([key, one]) => [`## ${key}`, '', ...section(key, one), '']),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
}

function section(key: string, one: Schema): string[] {
  const about = `${sentence(one.description ?? '')} It is ${formOf(one)}${leaf(one) && defaultOf(one) ? `; ${defaultOf(one)} by default` : ''}.`;
  const forms = formsOf(one.items ?? one);
  if (forms.length === 0) return [about];
  const [only, ...more] = forms;
  if (only !== undefined && more.length === 0)
    return [about, '', ...table(rowsOf(only, one.items ? `${key}[].` : `${key}.`))];
  return [about, ...forms.flatMap((form) => ['', `As ${mapOf(form)}:`, '', ...table(rowsOf(form, ''))])];
}

interface Row {
  key: string;
  value: string;
  byDefault: string;
  description: string;
}

/** The keys of a map, and below each those of the maps in it. */
function rowsOf(map: Schema, prefix: string): Row[] {
  const rows = Object.entries(map.properties ?? {}).flatMap(([name, one]): Row[] => {
    const key = `${prefix}${name}`;
    const row = {
      key,
      value: formOf(one),
      byDefault: map.required?.includes(name) ? '**required**' : defaultOf(one),
      description: one.description ?? '',
    };
    const below = `${key}${one.items ? '[]' : ''}.`;
    return [row, ...formsOf(one.items ?? one).flatMap((form) => rowsOf(form, below))];
  });
  return rows.filter((row, index) => rows.findIndex(({ key }) => key === row.key) === index);
}

const table = (rows: readonly Row[]): string[] => [
  '| key | value | default | |',
  '| --- | --- | --- | --- |',
  ...rows.map(
    ({ key, value, byDefault, description }) => `| \`${key}\` | ${cell(value)} | ${byDefault} | ${cell(description)} |`,
  ),
];

/** The maps with keys of their own among what a value may be. */
const formsOf = (one: Schema): Schema[] =>
  (one.anyOf ?? [one]).filter(({ properties }) => properties !== undefined && Object.keys(properties).length > 0);

const leaf = (one: Schema): boolean => formsOf(one.items ?? one).length === 0;

function formOf(one: Schema): string {
  if (one.title !== undefined) return one.title;
  if (one.enum !== undefined) return one.enum.map((each) => `\`${each}\``).join(', ');
  if (one.const !== undefined) return `\`${one.const}\``;
  if (one.anyOf !== undefined) return one.anyOf.map(formOf).join('; or ');
  if (one.items !== undefined) return `a list, each ${formOf(one.items)}`;
  if (one.properties !== undefined) return mapOf(one);
  if (typeof one.additionalProperties === 'object') return `a map of names to ${plural(one.additionalProperties)}`;
  return one.type ?? 'anything';
}

const mapOf = ({ properties = {} }: Schema): string => `\`{ ${Object.keys(properties).join(', ')} }\``;
const plural = (one: Schema): string => `${formOf(one).replace(/^an? /, '')}s`;

function defaultOf({ default: value }: Schema): string {
  if (value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0))
    return '';
  if (Array.isArray(value)) return value.map((each) => `\`${each}\``).join(', ');
  return `\`${
    typeof value === 'object'
      ? Object.entries(value ?? {})
          .map(([k, v]) => `${k}: ${v}`)
          .join(', ')
      : value
  }\``;
}

const sentence = (text: string): string => (text === '' || /[.;]$/.test(text) ? text : `${text}.`);
/** A bar would end the cell. */
export const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
