import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ErrorType } from '../contracts/errors.ts';
import { DeployError } from '../domain/deploy-error.ts';
import { locate, name } from './findings.ts';
import type { TargetFile } from './schema.ts';
import { configSchema } from './schema.ts';
import type { Finding, Path } from './yaml-source.ts';
import { parseYaml } from './yaml-source.ts';

export { resolveTarget } from './resolve-target.ts';

/** `deploy.yaml` as it was read. Holds references to secrets, never a secret. */
export interface Config {
  /** As it was given, for messages. */
  path: string;
  /** Absolute; what relative files of the config are relative to. */
  baseDir: string;
  targets: Record<string, TargetFile>;
}

/** Bytes. A config is a page of text; something larger is the wrong file. */
const sizeLimit = 1 << 20;

/** Reads and checks a config file. Throws InvalidInput that lists everything that is wrong, with line and column. */
export async function loadConfigFile(path: string): Promise<Config> {
  return parseConfig(await read(path), path);
}

/** Like `loadConfigFile`, for whoever asks again and again: the file is read each time, parsed when it has changed. */
export function configFile(path: string): () => Promise<Config> {
  let last: { bytes: Buffer; config: Config } | undefined;
  return async () => {
    const bytes = await read(path);
    if (last === undefined || !bytes.equals(last.bytes)) last = { bytes, config: parseConfig(bytes, path) };
    return last.config;
  };
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const found = code === 'ENOENT' ? 'no such file' : (code ?? String(cause));
    throw new DeployError(ErrorType.InvalidInput, `expected a config file at ${path}, found ${found}`, {
      hint: '`dbc init` writes one; name another with --config FILE.',
      cause,
    });
  }
}

/** Like `loadConfigFile`, of bytes that are already there. `path` is for messages and relative files. */
export function parseConfig(bytes: Uint8Array, path: string): Config {
  const baseDir = dirname(resolve(path));
  if (bytes.length > sizeLimit) fail(path, [{ line: 1, column: 1, message: 'expected at most 1 MB, found more' }]);
  const source = parseYaml(decode(bytes, path));
  if (source.findings.length > 0) fail(path, source.findings);
  if (source.value === null) fail(path, [{ line: 1, column: 1, message: 'expected targets, found an empty file' }]);

  const parsed = configSchema.safeParse(source.value);
  const findings = [
    ...(parsed.success ? [] : locate(parsed.error.issues, source, configSchema)),
    ...placeholders(source.value).map(({ path: at, text }) => ({
      ...source.positionOf(at),
      message: `${name(at)}: expected the value itself, found ${text}, which is not replaced here`,
    })),
  ];
  if (!parsed.success || findings.length > 0) fail(path, findings);
  return { path, baseDir, targets: parsed.data.targets };
}

function decode(bytes: Uint8Array, path: string): string {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    return decoder.decode(bytes);
  } catch {
    // A line break is never a part of a longer character, so the first bad line can be found line by line.
    let start = 0;
    for (let line = 1; ; line++) {
      const end = bytes.indexOf(0x0a, start);
      try {
        decoder.decode(bytes.subarray(start, end === -1 ? undefined : end));
      } catch {
        fail(path, [{ line, column: 1, message: 'expected UTF-8, found bytes that are not' }]);
      }
      start = end + 1;
    }
  }
}

/** Texts with `${NAME}`, except where a shell or CEL will read them: no variable is filled in, and nobody should think so. */
function placeholders(value: unknown, path: Path = []): { path: Path; text: string }[] {
  if (typeof value === 'string') {
    const found = /\$\{[^}]*\}/.exec(value);
    return found === null ? [] : [{ path, text: found[0] }];
  }
  if (typeof value !== 'object' || value === null) return [];
  const entries: [PropertyKey, unknown][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return entries
    .filter(([key]) => key !== 'commands' && key !== 'expect' && key !== 'if')
    .flatMap(([key, item]) => placeholders(item, [...path, key]));
}

function fail(path: string, findings: readonly Finding[]): never {
  const lines = [...findings]
    .sort((a, b) => a.line - b.line || a.column - b.column)
    .map(({ line, column, message }) => `${path}:${line}:${column}: ${message}`);
  const head = lines.length === 1 ? '' : `${path} has ${lines.length} errors:\n`;
  throw new DeployError(ErrorType.InvalidInput, `${head}${[...new Set(lines)].join('\n')}`);
}
