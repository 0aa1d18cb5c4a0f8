import type { Answer, HostTask } from '../src/contracts/activities.ts';
import type { CommitInfo, SavedChanges } from '../src/contracts/releases.ts';
import { DeployError } from '../src/domain/deploy-error.ts';
import { isWhole, sayings } from '../src/domain/said.ts';
import { savedCommands } from '../src/domain/saved-changes.ts';
import type { Deps } from './deps.ts';
import { releasesScript } from './git.ts';
import type { AskRun } from './run.ts';
import { parseStateFiles } from './state-files.ts';

const readMs = 60_000;

/** The records of a host, what git says of each commit, which images are still there, and what was saved. One command. */
export async function releases({ program, secrets }: Deps, task: HostTask, run: AskRun): Promise<Partial<Answer>> {
  const { target, host } = task;
  const script = releasesScript + (target.runtime.kind === 'compose' ? imagesScript : '');
  const answer = await program.call(task, {
    operation: 'overview',
    args: [],
    then: [['read', readMs / 1000, `${script}echo "read all"\n`]],
    timeoutMs: readMs + 10_000,
    raw: true,
    signal: run.signal,
  });
  const { output } = answer;
  if (!isWhole(output)) {
    throw new DeployError('DeadlineExceeded', `${host.alias}: its releases could not be read in ${readMs / 1000} s.`);
  }
  const redact = secrets.redactorFor(task);
  const saying = sayings(output);
  const said = (key: string): string[][] => saying(key).map((line) => line.split(' '));
  const state = parseStateFiles(answer);
  const [images] = said('images');
  const stats = new Map(said('stat').map(([sha = '', text = '']) => [sha, redact(decoded(text))]));
  return {
    releases: state.releases,
    ...(state.lastDrill === undefined ? {} : { lastDrill: state.lastDrill }),
    quarantined: [...state.quarantined].map(([sha, why]) => ({ sha, why })),
    history: {
      head: said('head')[0]?.[0] ?? '',
      commits: said('commit').map(([sha = '', text = '']) =>
        commitInfo(sha, decoded(text), stats.get(sha) ?? '', redact),
      ),
      ...(images === undefined && target.runtime.kind === 'compose'
        ? {}
        : { imagesGone: imagesGone(state.releases, new Set(images)) }),
      saved: said('saved').map(([ref = '', at = '', paths = '']) =>
        savedChanges(target.repository.path, ref, at, paths),
      ),
    },
  };
}

const decoded = (text: string): string => Buffer.from(text, 'base64').toString('utf8');

function commitInfo(sha: string, text: string, stat: string, redact: (text: string) => string): CommitInfo {
  const [author = '', email = '', at = '', message = ''] = text.split('\0');
  const files = Number(/^ (\d+) files? changed/m.exec(stat)?.[1] ?? 0);
  return { sha, author, email, at, message: redact(message).trimEnd(), files, stat };
}

function imagesGone(known: NonNullable<Answer['releases']>, there: ReadonlySet<string>): Record<string, string[]> {
  return Object.fromEntries(
    known.map(({ deploy, images }) => [
      deploy,
      images.filter(({ id }) => !there.has(id)).map(({ service }) => service),
    ]),
  );
}

function savedChanges(path: string, ref: string, epoch: string, paths: string): SavedChanges {
  const changed = decoded(paths)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({ removed: line.startsWith('D'), file: line.slice(2) }));
  const there = changed.find(({ removed }) => !removed)?.file;
  return {
    ref,
    at: new Date(Number(epoch) * 1000).toISOString(),
    files: changed.map(({ file }) => file),
    commands: savedCommands(path, ref, there),
  };
}

/** All of the host's images at once: which IDs to ask for, only the records tell. */
const imagesScript = `if images=$(timeout 20 docker image ls --all --quiet --no-trunc 2>/dev/null); then echo "images" $images; fi
`;
