/** What chaos deploys: the lab's tiny applications, with a secret that their builds print, and commits that go wrong. */
import { makeTinyComposeOrigin, makeTinyOrigin, type Origin } from '../lab/origin.ts';
import { startFails, tinyComposeApplication } from '../lab/tiny-compose-application.ts';
import type { CommitKind, StageKind } from './plan.ts';

type NewCommit = Exclude<CommitKind, 'no change'>;

/** Must never be seen anywhere. */
export const secret = 'chaos-canary-5d1e9b';
export const envFile = '.env';
export const envText = `TOKEN=${secret}\n`;

export interface Application {
  origin: Origin;
  /** Of `deploy.yaml`, below the target. */
  runtime: string;
  /** Where it tells its commit and health, asked on the host. */
  url: string;
  /** A commit like no other. */
  commit(kind: NewCommit): Promise<string>;
}

export async function makeApplication(stage: StageKind, dir: string): Promise<Application> {
  const made = stage === 'commands' ? await commandsApplication(dir) : await composeApplication(dir);
  const { origin, variants, base } = made;
  let commits = 0;
  return {
    ...made,
    async commit(kind) {
      // What another commit has added goes too.
      await origin.git('rm', '-r', '--quiet', '.');
      await origin.git('checkout', '--quiet', base, '--', '.');
      return origin.commitFiles({ serial: `${++commits}\n`, ...variants[kind] }, kind);
    },
  };
}

const notes = { 'notes.txt': 'first line\n', 'more.txt': 'another file\n' };

async function composeApplication(dir: string) {
  const origin = await makeTinyComposeOrigin(dir);
  const compose = (text: string) => text.replace('COMMIT:', 'TOKEN: "${TOKEN:-}", COMMIT:');
  const base = await origin.commitFiles({
    ...notes,
    '.gitignore': `${envFile}\n`,
    '.dockerignore': `.git\n${envFile}\n`,
    'docker-compose.yml': compose(tinyComposeApplication['docker-compose.yml'] ?? ''),
    Dockerfile: (tinyComposeApplication['Dockerfile'] ?? '').replace('RUN ', 'ARG TOKEN\nRUN echo "token $TOKEN" && '),
  });
  const variants: Record<NewCommit, Record<string, string>> = {
    good: {},
    'slow build': { build: 'sleep 3\n' },
    'build breaks': { build: 'exit 1\n' },
    unhealthy: { health: 'FAIL\n' },
    'crash loop': {
      'docker-compose.yml': compose(tinyComposeApplication['docker-compose.yml'] ?? '').replace(
        'restart:',
        'command: [sh, -c, exit 1]\n    restart:',
      ),
    },
    'start fails': { 'docker-compose.yml': compose(startFails) },
  };
  return { origin, base, variants, runtime: 'compose: {}', url: 'http://localhost:8080/health.json' };
}

async function commandsApplication(dir: string) {
  const origin = await makeTinyOrigin(dir);
  const build = (await origin.git('show', 'HEAD:build')).replace('mkdir -p .run', `mkdir -p .run\ncat ${envFile}`);
  const base = await origin.commitFiles({ ...notes, '.gitignore': `.run/\n${envFile}\n`, build: `${build}\n` });
  const variants: Record<NewCommit, Record<string, string>> = {
    good: {},
    'slow build': { 'build-seconds': '3\n' },
    'build breaks': { 'build-fails': 'it does not build\n' },
    unhealthy: { health: 'FAIL\n' },
    'crash loop': { 'app.mjs': 'process.exit(1);\n' },
    'start fails': { 'start-fails': '' },
  };
  // Each run of a script is traced, and can be held.
  const run = (script: string) => `trace-run ./${script}`;
  const runtime = `commands: { build: ${run('build')}, start: ${run('start')}, stop: ${run('stop')}, status: ./status }`;
  return { origin, base, variants, runtime, url: origin.healthUrl };
}
