import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { nameRules } from '../domain/names.ts';

/** What a compose file says that a config has to know. */
export interface FoundCompose {
  /** `docker-compose.yml` */
  file: string;
  services: FoundService[];
  /** Of all services, sorted. */
  profiles: string[];
  /** The first env file that a service reads, when it lies in the repository. */
  envFile?: string;
}

export interface FoundService {
  name: string;
  /** The first port that it publishes on the host, where that is a plain number or has one as its default. */
  port?: number;
}

/** In the order in which Compose looks for them. */
const names = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'];

/** The compose file of a folder; undefined when there is none that can be read as one, which is no reason to stop. */
export async function findCompose(folder: string): Promise<FoundCompose | undefined> {
  for (const file of names) {
    const text = await readFile(join(folder, file), 'utf8').catch(() => undefined);
    if (text !== undefined) return found(file, text);
  }
  return undefined;
}

function found(file: string, text: string): FoundCompose | undefined {
  const services = mapOf(mapOf(readYaml(text))['services']);
  const all = Object.entries(services)
    .map(([name, service]) => [name, mapOf(service)] as const)
    .filter(([name]) => nameRules.service.fits(name));
  if (all.length === 0) return undefined;
  const texts = (key: string) =>
    all.flatMap(([, service]) => listOf(service[key])).filter((one) => typeof one === 'string');
  const envFile = texts('env_file')
    .map((path) => path.replace(/^\.\//, ''))
    .find(nameRules.relativePath.fits);
  return {
    file,
    services: all.map(([name, { ports }]) => {
      const port = listOf(ports)
        .map(publishedPort)
        .find((one) => one !== undefined);
      return { name, ...(port === undefined ? {} : { port }) };
    }),
    profiles: [...new Set(texts('profiles'))].filter(nameRules.profile.fits).sort(),
    ...(envFile === undefined ? {} : { envFile }),
  };
}

function readYaml(text: string): unknown {
  try {
    return parse(text, { merge: true, logLevel: 'silent' });
  } catch {
    return undefined;
  }
}

/** `8002:8002`, `127.0.0.1:80:80/tcp`, `"${PORT:-8002}:8002"`, `{ published: 8002 }`; a lone container port has none. */
function publishedPort(port: unknown): number | undefined {
  const text = typeof port === 'object' ? `${mapOf(port)['published'] ?? ''}:` : String(port);
  const plain = text.replace(/\$\{[^}:]+:?-(\d+)\}/g, '$1');
  const [, published] = /^(?:.*:)?(\d{1,5}):[^:]*$/.exec(plain) ?? [];
  return published === undefined ? undefined : Number(published);
}

const mapOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : value === undefined ? [] : [value]);
