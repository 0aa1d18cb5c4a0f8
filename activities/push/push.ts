import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { LeasedTask } from '../../src/contracts/activities.ts';
import { DeployError } from '../../src/domain/deploy-error.ts';
import { formatDuration } from '../../src/domain/duration.ts';
import { cleanTerminal } from '../../src/domain/redaction.ts';
import { tailOf } from '../../src/domain/tail.ts';
import type { Deps } from '../deps.ts';
import { pushedRef, receiveScript } from '../git.ts';
import type { Run } from '../run.ts';
import type { ExecRequest } from '../ssh/port.ts';
import { type Clone, freshClone } from './clone.ts';
import { localGit } from './local-git.ts';

/**
 * Sends what the host lacks of the branch from the worker's clone, by git's own protocol over the open SSH connection.
 * All that it changes on the host is objects that nothing needs and one ref of this deploy's own: it needs no lease,
 * and one that outlives its lease does no harm. What counts is done by the job that follows, under the lease.
 *
 * @returns warnings
 * @throws DeployError as `freshClone` does; CommandFailed, DeadlineExceeded, SshUnavailable
 */
export async function pushBranch(
  deps: Pick<Deps, 'ssh' | 'baseDir' | 'env' | 'secrets'>,
  task: LeasedTask,
  run: Pick<Run, 'signal' | 'say'>,
): Promise<string[]> {
  const { repository, timeouts } = task.target;
  const clone = await freshClone(repository, { baseDir: deps.baseDir, env: deps.env, signal: run.signal });
  const limit = AbortSignal.timeout(timeouts.fetchMs);
  try {
    await push(deps, task, clone, AbortSignal.any([run.signal, limit]), run.say);
  } catch (error) {
    if (run.signal.aborted || !limit.aborted) throw error;
    throw new DeployError(
      'DeadlineExceeded',
      `${task.host.alias}: the push was not finished after ${formatDuration(timeouts.fetchMs)}, its deadline.`,
      { hint: 'A first push may be large; give it more time with timeouts.fetch.' },
    );
  }
  return clone.warnings;
}

async function push(
  { ssh, env, secrets }: Pick<Deps, 'ssh' | 'env' | 'secrets'>,
  task: LeasedTask,
  clone: Clone,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  const { host, target, deploy } = task;
  let remote: { code: number | null; stderr: string } | undefined;

  /** Joins git's end to `git receive-pack` on the host. */
  async function talk(socket: Duplex): Promise<void> {
    const marker = `dbc-${randomUUID()}`;
    const hungUp = new AbortController();
    socket.once('error', () => hungUp.abort());
    // git closes its side once all is sent, and then waits for the answer.
    socket.allowHalfOpen = true;
    const request: ExecRequest = {
      command: throughAnyShell(receiveScript(target.repository, marker)),
      stdin: socket,
      onStdout: after(`${marker}\n`, (chunk) => socket.write(chunk)),
      timeoutMs: target.timeouts.fetchMs + 60_000,
      signal: AbortSignal.any([signal, hungUp.signal]),
    };
    try {
      const { code, stderr } = await ssh.exec({ host, ssh: target.ssh }, request);
      remote = { code, stderr: stderr.toString() };
    } catch (error) {
      // git ended first, and its exit status says more.
      if (!hungUp.signal.aborted || signal.aborted) throw error;
    } finally {
      socket.end();
    }
  }

  const redact = (text: string): string => secrets.redactorFor(task)(cleanTerminal(text));
  const refspec = `+${clone.tip}:${pushedRef(deploy)}`;
  const options = [
    '--porcelain',
    '--progress',
    '--no-verify',
    '--no-signed',
    '--no-follow-tags',
    '--recurse-submodules=no',
  ];
  const { code, stdout, said } = await localGit({
    clone: clone.path,
    args: ['-c', 'protocol.fd.allow=always', 'push', ...options, 'fd::3', refspec],
    env,
    signal,
    onLine: (line) => say(redact(line)),
    talk,
  });
  if (code === 0 && remote?.code === 0) return;
  const tail = tailOf(redact(`${remote?.stderr ?? ''}${said}${stdout}`).replace(/^.*: +\d+% \(.*\n?/gm, ''));
  throw new DeployError(
    'CommandFailed',
    `${host.alias}: the commits of ${target.repository.branch} could not be pushed from ${clone.path}.`,
    {
      tail,
      hint: hintFor(clone, tail),
    },
  );
}

function hintFor({ path, shallow }: Clone, tail: string): string {
  if (shallow) {
    return `${path} is a shallow clone, which lacks what the host would need: fetch all of it (\`fetch-depth: 0\` of actions/checkout, \`git fetch --unshallow\`).`;
  }
  if (tail.includes('fsck error')) {
    return 'The host checks what it is sent. When the history is known to be so, `git config receive.fsck.<message> ignore` on the host lets it pass.';
  }
  return "See what git said; is the host's repository whole (`git fsck`), and is there room on its disk?";
}

/** As words that every login shell takes alike: in single quotes even fish and csh leave these characters alone. */
const throughAnyShell = (script: string): string =>
  `exec sh -c 'eval "$(echo ${Buffer.from(script).toString('base64')} | base64 -d)"'`;

/** Passes on what comes after the marker: before it is the login shell's own talk. */
function after(marker: string, pass: (chunk: Buffer) => void): (chunk: Buffer) => void {
  let before: Buffer | undefined = Buffer.alloc(0);
  return (chunk) => {
    if (before === undefined) {
      pass(chunk);
      return;
    }
    before = Buffer.concat([before, chunk]);
    const at = before.indexOf(marker);
    if (at === -1) return;
    const rest = before.subarray(at + marker.length);
    before = undefined;
    if (rest.length > 0) pass(rest);
  };
}
