import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { defaultCacheDir, findTemporal } from '../../src/embedded/temporal-binary.ts';
import { isExecutable, onPath } from '../../src/embedded/wheel-binary.ts';
import { readComposeFile } from './production-compose.ts';

const programs = { 'temporal-server': 'cmd/server', 'temporal-sql-tool': 'cmd/tools/sql' } as const;
type ProgramName = keyof typeof programs;

/**
 * Makes a folder for a PATH that holds what Temporal's images hold: `temporal-server` and `temporal-sql-tool` of the version
 * in docker-compose.temporal.yml, and `temporal`. What is not installed is compiled, once a machine: a quarter of an hour.
 */
export async function clusterPrograms(dir: string): Promise<string> {
  mkdirSync(dir);
  const log = (line: string) => console.error(line);
  symlinkSync((await findTemporal({ log })).path, join(dir, 'temporal'));
  for (const name of Object.keys(programs) as ProgramName[]) symlinkSync(await findOrCompile(name), join(dir, name));
  return dir;
}

async function findOrCompile(name: ProgramName): Promise<string> {
  const installed = await onPath(name, process.env);
  if (installed !== undefined) return installed;
  const version = readComposeFile().services.temporal.image.split(':')[1];
  const kept = join(defaultCacheDir(), `temporal-server-${version}`);
  // `go install` names a program after its folder.
  const path = join(kept, programs[name].split('/').at(-1) ?? '');
  if (await isExecutable(path)) return path;
  const module = `go.temporal.io/server/${programs[name]}@v${version}`;
  console.error(`Compiling ${module} …`);
  await promisify(execFile)('go', ['install', module], { env: { ...process.env, GOBIN: kept } }).catch((cause) => {
    throw new Error(
      `${name} ${version} is not on the PATH and could not be compiled; install it, or Go 1.26 or newer`,
      {
        cause,
      },
    );
  });
  return path;
}

/** The folder of PostgreSQL's programs: where Debian keeps them, or on the PATH. */
export async function postgresPrograms(): Promise<string> {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian) : [];
  const found = versions.map((version) => join(debian, version, 'bin')).find((bin) => existsSync(join(bin, 'initdb')));
  if (found !== undefined) return found;
  const initdb = await onPath('initdb', process.env);
  if (initdb === undefined) throw new Error('expected PostgreSQL (initdb) here; on Debian: apt-get install postgresql');
  return dirname(initdb);
}
