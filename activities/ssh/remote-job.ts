import type { LeasedTask } from '../../src/contracts/activities.ts';
import { DeployError } from '../../src/domain/deploy-error.ts';
import { formatDuration } from '../../src/domain/duration.ts';
import { Tail, tailBytes } from '../../src/domain/tail.ts';
import { type HostAnswer, type HostProgram, type Line, runner } from './host-program.ts';
import { refuseLostLease } from './lease.ts';

export interface JobSpec {
  /** Together with the deploy and the round it names the job on the host, so it never runs twice. */
  name: string;
  /** A bash script, run in the repository. What it writes to descriptor 3 is its result (256 KB at most). */
  script: string;
  deadlineMs: number;
  /**
   * What a round that failed means. `fail`: the step failed (forward). `again`: a new round may be tried by the next
   * attempt (compensation, which goes on until its own time is up).
   */
  onFailure: 'fail' | 'again';
}

export interface JobHooks {
  /** Cancels the waiting only. The job itself is ended by {@link cancelJob}. */
  signal: AbortSignal;
  /** Before anything is sent: from here on the job may run. Returns how much of its log was followed already, in bytes. */
  begins(job: string): number;
  progress(state: { job: string; offset: number; line?: string }): void;
}

export interface JobResult {
  key: string;
  /** What the script wrote to descriptor 3. Not redacted: parsed, never shown. */
  result: string;
  /** The last part of the log, redacted. */
  tail: string;
}

/** How a job ended: `code` is an exit status, or `deadline`, `cancelled`, `lost`, `gone` as in `host/job.sh`. */
interface End {
  code: string;
  seconds: number;
  result: string;
  /** What is left of the disk, when it failed. KiB. */
  freeKb?: number;
}

/** With less than this a disk is full. KiB. */
const fullKb = 1024;

/** A host that starts none of so many jobs in a row will not start the next one either. */
const startsTried = 3;

/** How long a follower may take to come back with an answer once the command's own deadline has passed. */
const slackMs = 60_000;

/**
 * Runs a command on a host once, however often this is called for the same deploy, name and round: a job that is there
 * is followed, one that ended is taken as it ended, one that was lost with a reboot is run again as a new round.
 *
 * @throws DeployError CommandFailed (exit status, killed, gone without a status), DeadlineExceeded, LeaseLost,
 *   SshUnavailable (retry: the job goes on without us)
 */
export async function runJob(
  program: HostProgram,
  task: LeasedTask,
  spec: JobSpec,
  hooks: JobHooks,
): Promise<JobResult> {
  let neverStarted = 0;
  for (let round = 0; ; round++) {
    const key = jobKey(task, spec.name, round);
    const { end, tail, attached } = await follow(program, task, spec, key, hooks);
    if (end.code === '0') return { key, result: end.result, tail };
    if (end.code === 'lost' && (attached || ++neverStarted < startsTried)) continue;
    // A round that had failed before we came is history; the one that fails before our eyes is told.
    if (spec.onFailure === 'again' && attached) continue;
    throw failureOf(task, spec, end, tail);
  }
}

/** The step comes before the leg, because `lease.sh` asks by it what a deploy has begun. */
const jobKey = ({ deploy, leg }: LeasedTask, name: string, round: number): string =>
  `${deploy}.${name}.${leg === undefined ? '' : `${leg}.`}${round}`;

async function follow(program: HostProgram, task: LeasedTask, spec: JobSpec, key: string, hooks: JobHooks) {
  const tail = new Tail();
  // The end of what was followed before is read again, because the failure's text may begin there.
  const from = Math.max(0, hooks.begins(key) - tailBytes);
  let offset = from;
  let line: string | undefined;
  const { timeouts, retain } = task.target;
  const answer = await program.call(task, {
    operation: 'run',
    args: [
      key,
      task.number,
      Math.ceil(spec.deadlineMs / 1000),
      Math.ceil(timeouts.graceMs / 1000),
      retain.logBytes,
      from,
      spec.script,
      runner,
    ],
    timeoutMs: spec.deadlineMs + timeouts.graceMs + slackMs,
    signal: hooks.signal,
    onLog: (text) => {
      tail.push(text);
      line = lastLine(text) ?? line;
    },
    onLine: ({ key: word, value }) => {
      if (word === 'offset') offset = Number(value);
      hooks.progress({ job: key, offset, ...(line === undefined ? {} : { line }) });
    },
  });
  refuseLostLease(task, answer);
  return { end: endOf(task, answer), tail: tail.toString(), attached: has(answer, 'attached') };
}

function endOf(task: LeasedTask, answer: HostAnswer): End {
  const ended = find(answer, 'ended');
  if (!ended) throw new DeployError('SshUnavailable', `${task.host.alias}: the host does not say how the job ended`);
  const [code = '', seconds = '0'] = ended.value.split(' ');
  const result = Buffer.from(find(answer, 'result')?.value ?? '', 'base64').toString('utf8');
  const free = find(answer, 'free')?.value;
  return { code, seconds: Number(seconds), result, ...(free ? { freeKb: Number(free) } : {}) };
}

function failureOf(task: LeasedTask, spec: JobSpec, end: End, tail: string): DeployError {
  const full = end.freeKb !== undefined && end.freeKb < fullKb;
  const where = `${spec.name} on ${task.host.alias}${full ? ' (its disk is full)' : ''}`;
  const more = { tail, hint: `The whole log is on the host, in the repository's .git/deploy-by-commit/jobs.` };
  if (end.code === 'gone') {
    return new DeployError(
      'CommandFailed',
      `${where}: the command is gone without an exit status. Its supervisor was killed, as by the kernel when memory runs out; what was left of it was ended.`,
      more,
    );
  }
  if (end.code === 'lost') {
    return new DeployError('CommandFailed', `${where}: the host started none of ${startsTried} jobs within 2 s each.`, {
      hint: 'Look at its load, its process limits (`ulimit -u`) and its free memory.',
    });
  }
  // Whole seconds of the host's uptime.
  const after = end.seconds < 1 ? 'within a second' : `after ${formatDuration(end.seconds * 1000)}`;
  if (end.code === 'deadline') {
    return new DeployError(
      'DeadlineExceeded',
      `${where}: not finished ${after}; its deadline was ${formatDuration(spec.deadlineMs)}, and it was ended.`,
      more,
    );
  }
  if (end.code === 'cancelled') {
    return new DeployError('CommandFailed', `${where}: the command was cancelled ${after}.`, more);
  }
  const exit = Number(end.code);
  return new DeployError('CommandFailed', `${where}: ${describeExit(exit)} ${after}.`, { ...more, exit });
}

/** Exit statuses above 128 are a shell's way to tell the signal that killed the command. */
function describeExit(code: number): string {
  if (code === 137) return 'killed by SIGKILL (exit status 137), as by the kernel when memory runs out,';
  if (code === 143) return 'killed by SIGTERM (exit status 143)';
  if (code === 139) return 'crashed with SIGSEGV (exit status 139)';
  if (code > 128 && code < 160) return `killed by signal ${code - 128} (exit status ${code})`;
  return `exit status ${code}`;
}

/**
 * Ends a job's processes and waits until they are gone; a job that had ended is left alone, one that was never started
 * never will be. Without effect when the lease is somebody else's by now, who ends what we left.
 *
 * @throws DeployError CommandFailed when processes survive even SIGKILL; SshUnavailable
 */
export async function cancelJob(program: HostProgram, task: LeasedTask, key: string): Promise<void> {
  const grace = Math.ceil(task.target.timeouts.graceMs / 1000);
  const answer = await program.call(task, {
    operation: 'cancel',
    args: [key, task.number, grace],
    timeoutMs: task.target.timeouts.graceMs + 20_000,
  });
  const stuck = find(answer, 'stuck');
  if (stuck) {
    throw new DeployError('CommandFailed', `${task.host.alias}: processes ${stuck.value.trim()} survive SIGKILL.`, {
      hint: 'They probably wait for a disk or a network file system that hangs; look at them with `ps -o pid,stat,wchan,cmd`.',
    });
  }
}

function lastLine(text: string): string | undefined {
  const lines = text.split('\n').filter((each) => each.trim() !== '');
  return lines.at(-1)?.trim().slice(0, 200);
}

const find = (answer: HostAnswer, key: string): Line | undefined => answer.lines.find((line) => line.key === key);
const has = (answer: HostAnswer, key: string): boolean => find(answer, key) !== undefined;
