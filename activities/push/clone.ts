import { resolve } from 'node:path';
import type { RepositoryConfig } from '../../src/contracts/target.ts';
import { DeployError } from '../../src/domain/deploy-error.ts';
import { createRedactor } from '../../src/domain/redaction.ts';
import { localGit } from './local-git.ts';

/** A remote that does not answer delays a deploy by no more than this. Milliseconds. */
const refreshMs = 60_000;

export interface Clone {
  path: string;
  /** The branch's tip, a full SHA */
  tip: string;
  /** Its history is cut off, as that of a CI checkout may be. */
  shallow: boolean;
  /** Why it may not be what the remote has by now */
  warnings: string[];
}

export interface CloneContext {
  /** The config file's folder */
  baseDir: string;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
}

/**
 * The worker's clone with the branch as its remote has it. Where there is no remote, or it gives nothing (a CI checkout
 * often has no credentials), the clone counts as it is, and the report says so.
 *
 * @throws DeployError InvalidInput (no clone), PreflightFailed (of another repository), CommitNotFound (no such branch)
 */
export async function freshClone(repository: RepositoryConfig, context: CloneContext): Promise<Clone> {
  const { clone = '.', remote, branch } = repository;
  const path = resolve(context.baseDir, clone);
  const git: Git = (args, signal = context.signal) => localGit({ clone: path, args, env: context.env, signal });
  const kind = await git(['rev-parse', '--is-shallow-repository']);
  if (kind.code !== 0) {
    throw new DeployError(
      'InvalidInput',
      `expected a git clone at ${path} (repository.clone), found none: ${said(kind)}`,
      {
        hint: 'With `source: push` the worker needs a clone of the repository; `git clone` it there, or name another.',
      },
    );
  }
  const stale = await exclusively(path, () => refresh(repository, path, git, context.signal));
  const tracking = `refs/remotes/${remote}/${branch}`;
  // What a person has committed and not pushed counts only where there is nothing else.
  for (const ref of [tracking, `refs/heads/${branch}`]) {
    const { code, stdout } = await git(['rev-parse', '--quiet', '--verify', `${ref}^{commit}`]);
    if (code !== 0) continue;
    const warnings = stale === undefined ? [] : [`the worker's clone ${path} ${stale}; its own ${ref} was taken`];
    return { path, tip: stdout.trim(), shallow: kind.stdout.trim() === 'true', warnings };
  }
  throw new DeployError(
    'CommitNotFound',
    `The worker's clone ${path} has no branch ${branch}: neither ${tracking} nor refs/heads/${branch}${stale === undefined ? '' : `, and it ${stale}`}.`,
    { hint: `Is repository.branch right? \`git -C ${path} fetch ${remote} ${branch}\` shows what its remote says.` },
  );
}

type Git = (args: string[], signal?: AbortSignal) => ReturnType<typeof localGit>;

/** @returns why the branch may not be what the remote has */
async function refresh(
  { remote, branch, url }: RepositoryConfig,
  path: string,
  git: Git,
  signal: AbortSignal,
): Promise<string | undefined> {
  const configured = await git(['remote', 'get-url', remote]);
  if (configured.code !== 0) return `has no remote ${remote}`;
  const found = redact(configured.stdout.trim());
  if (url !== undefined && found !== url) {
    throw new DeployError(
      'PreflightFailed',
      `the remote ${remote} of the worker's clone ${path} is ${found}, expected ${url}.`,
      {
        hint: 'Correct repository.clone or repository.url.',
      },
    );
  }
  const limit = AbortSignal.timeout(refreshMs);
  const options = ['--quiet', '--no-tags', '--no-recurse-submodules', '--no-write-fetch-head', '--no-auto-maintenance'];
  const branchOnly = `+refs/heads/${branch}:refs/remotes/${remote}/${branch}`;
  try {
    const fetched = await git(['fetch', ...options, remote, branchOnly], AbortSignal.any([signal, limit]));
    return fetched.code === 0 ? undefined : `could not fetch from ${remote} (${said(fetched)})`;
  } catch (error) {
    if (signal.aborted || !limit.aborted) throw error;
    return `got no answer from ${remote} within ${refreshMs / 1000} s`;
  }
}

const turns = new Map<string, Promise<unknown>>();

/** Two that fetch into one clone at the same time would refuse each other their locks. */
function exclusively<T>(path: string, work: () => Promise<T>): Promise<T> {
  const turn = (turns.get(path) ?? Promise.resolve()).then(work, work);
  turns.set(path, turn);
  const forget = (): void => {
    if (turns.get(path) === turn) turns.delete(path);
  };
  turn.then(forget, forget);
  return turn;
}

/** A remote's URL may hold a token. */
const redact = createRedactor([]);

/** The last line of what git said. */
const said = (result: { said: string }): string => redact(result.said.trim().split('\n').at(-1) ?? '').slice(0, 300);
