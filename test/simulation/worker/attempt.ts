/** One attempt of an activity on a worker: what `activities/run.ts` and `activities/ssh/remote-job.ts` do, in virtual time. */
import { ApplicationFailure } from '@temporalio/common';
import { toFailure } from '../../../activities/run.ts';
import type { HostTask, LeasedTask } from '../../../src/contracts/activities.ts';
import { DeployError } from '../../../src/domain/deploy-error.ts';
import type { AttemptFault } from '../case.ts';
import type { Clock } from '../clock.ts';
import type { Host } from '../host/host.ts';
import type { Command, JobCode } from '../host/jobs.ts';
import type { Answer, AttemptInfo, ServerAttempt, WorkerAttempt } from '../temporal/activity-task.ts';

const heartbeatMs = 1_000;
const latencyMs = 20;
/** How long a connection is silent before it counts as lost, or as never made. */
const silenceMs = 10_000;

type Refusal = Extract<AttemptFault, { kind: 'is refused' }>;
type CallFault = Extract<AttemptFault, { call: number }>;

class Stopped extends Error {}
class ShutDown extends Error {}

export class Attempt implements WorkerAttempt {
  /** Which run of the workflow it belongs to: each Reset makes another one. */
  readonly life: number;
  readonly #info: AttemptInfo;
  readonly #clock: Clock;
  readonly #server: ServerAttempt;
  readonly #faults: AttemptFault[];
  readonly #refusal: Refusal | undefined;
  readonly #beganAt: number;
  readonly #tellFault: (kind: string) => void;
  #calls = 0;
  #contactAt: number;
  #frozen = false;
  #stopped: 'cancelled' | 'given-up' | undefined;
  #stop: (why: Stopped) => void = () => {};
  readonly #whenStopped: Promise<never>;
  #running: { host: Host; task: LeasedTask; key: string } | undefined;
  #toldWhenFrozen: 'cancelled' | 'given-up' | undefined;

  constructor(
    info: AttemptInfo,
    server: ServerAttempt,
    clock: Clock,
    faults: AttemptFault[],
    tellFault: (kind: string) => void,
    life: number,
  ) {
    this.life = life;
    this.#info = info;
    this.#server = server;
    this.#clock = clock;
    this.#faults = faults;
    this.#refusal = faults.find((each): each is Refusal => each.kind === 'is refused');
    this.#tellFault = tellFault;
    this.#beganAt = clock.now;
    this.#contactAt = (info.heartbeat as number | undefined) ?? info.scheduledAt;
    this.#whenStopped = new Promise((_, reject) => {
      this.#stop = reject;
    });
    this.#whenStopped.catch(() => {});
  }

  async run<T>(patience: 'step' | 'compensation' | 'config', task: HostTask, step: () => Promise<T>): Promise<void> {
    await this.#clock.sleep(1);
    const answer = await this.#answer(patience, task, step);
    this.#server.answer(answer);
  }

  /** With the next heartbeat. Who is frozen hears of it when the step has gone on already. */
  told(why: 'cancelled' | 'given-up'): void {
    if (this.#frozen) {
      this.#toldWhenFrozen = why;
      return;
    }
    const beats = Math.floor((this.#clock.now - this.#beganAt) / heartbeatMs) + 1;
    this.#clock.at(this.#beganAt + beats * heartbeatMs, () => this.#hear(why));
  }

  /** One call to the host. `stoppable`: not waited for any more when the step is cancelled; the host does it all the same. */
  async call<T>(host: Host, operation: () => T | Promise<T>, { stoppable = false } = {}): Promise<T> {
    const index = this.#calls++;
    const fault = this.#faults.find((each): each is CallFault => 'call' in each && each.call === index);
    const at = fault && ('at' in fault ? fault.at : 'before');
    if (stoppable && this.#stopped) throw new Stopped();
    if (this.#refusal) await this.#refuse(this.#refusal);
    if (fault && at === 'before') await this.#suffer(fault);
    await this.#reach(host);
    const answer = surviving(host, operation);
    answer.catch(() => {});
    const waitedFor: Promise<T | undefined>[] = [answer, this.#untilLost(host)];
    if (stoppable) waitedFor.push(this.#whenStopped);
    if (at === 'during') waitedFor.push(this.#clock.sleep(300).then(() => undefined));
    await Promise.race(waitedFor);
    if (fault && at !== 'before') await this.#suffer(fault);
    await this.#reach(host);
    return answer;
  }

  async job(host: Host, task: LeasedTask, name: string, onFailure: 'fail' | 'again', command: () => Command) {
    for (let round = 0; ; round++) {
      const key = `${task.deploy}.${name}.${round}`;
      this.#running = { host, task, key };
      const { code, result, attached } = await this.call(
        host,
        async () => {
          const { job, attached } = host.run(key, task, command);
          this.say();
          return { code: await host.jobs.ended(job), result: job.result, attached };
        },
        { stoppable: true },
      );
      this.say();
      this.#running = undefined;
      if (code === '0') return result;
      if ((code === 'lost' || onFailure === 'again') && attached) continue;
      throw failureOf(code, name, task.host.alias);
    }
  }

  /** The host was heard of. */
  say(): void {
    this.#contactAt = this.#clock.now;
    this.#server.beat(this.#contactAt);
  }

  async pause(ms: number): Promise<void> {
    if (this.#stopped) throw new Stopped();
    await Promise.race([this.#clock.sleep(ms), this.#whenStopped]);
  }

  async #answer<T>(
    patience: 'step' | 'compensation' | 'config',
    task: HostTask,
    step: () => Promise<T>,
  ): Promise<Answer> {
    try {
      if (this.#refusal && this.#info.activity === 'loadTarget') await this.#refuse(this.#refusal);
      return { completed: await step() };
    } catch (error) {
      if (error instanceof ShutDown) return { failed: ApplicationFailure.retryable('shut down', 'WorkerShutdown') };
      if (this.#stopped) {
        if (this.#running && this.#stopped === 'cancelled') await this.#endCancelled(this.#running);
        return { cancelled: true };
      }
      if (!(error instanceof DeployError)) throw error;
      const kind = patience === 'config' ? 'step' : patience;
      const { now } = this.#clock;
      return { failed: toFailure(error, kind, this.#contactAt, task, now) as ApplicationFailure };
    }
  }

  async #refuse({ kind, type }: Refusal): Promise<never> {
    this.#tellFault(kind);
    await this.#clock.sleep(latencyMs);
    throw new DeployError(type, `${this.#info.activity} was refused: ${type}`);
  }

  async #endCancelled({ host, task, key }: { host: Host; task: LeasedTask; key: string }): Promise<void> {
    const giveUpAt = this.#clock.now + 30_000;
    for (;;) {
      try {
        return await this.call(host, () => host.cancel(key, task));
      } catch (error) {
        const unreachable = error instanceof DeployError && error.type === 'SshUnavailable';
        if (!unreachable || this.#clock.now > giveUpAt) return;
        await this.#clock.sleep(heartbeatMs);
      }
    }
  }

  async #reach(host: Host): Promise<void> {
    await this.#clock.sleep(latencyMs);
    if (host.reachable) return;
    await this.#clock.sleep(silenceMs);
    if (!host.reachable) throw unavailable(host);
  }

  /** A short silence is survived by the connection, a reboot is not. */
  async #untilLost(host: Host): Promise<never> {
    for (;;) {
      const { boots } = await host.broken();
      await this.#clock.sleep(silenceMs);
      if (!host.reachable || host.boots !== boots) throw unavailable(host);
    }
  }

  async #suffer(fault: CallFault): Promise<void> {
    this.#tellFault(fault.kind);
    if (fault.kind === 'connection breaks') throw new DeployError('SshUnavailable', 'the connection was lost');
    if (fault.kind === 'worker shuts down') throw new ShutDown();
    this.#server.silent(true);
    this.#frozen = true;
    if (fault.kind === 'worker dies') await new Promise(() => {});
    if (fault.kind === 'worker freezes') await this.#clock.sleep(fault.ms);
    this.#frozen = false;
    this.#server.silent(false);
    const told = this.#toldWhenFrozen;
    if (told) this.#clock.after(3 * latencyMs, () => this.#hear(told));
  }

  #hear(why: 'cancelled' | 'given-up'): void {
    if (this.#frozen) return;
    this.#stopped ??= why;
    this.#stop(new Stopped());
  }
}

/** What the host's shell has to say, which a reboot ends with everything else. */
async function surviving<T>(host: Host, operation: () => T | Promise<T>): Promise<T> {
  const { boots } = host;
  const said = await Promise.allSettled([Promise.resolve().then(operation)]);
  if (host.boots !== boots) await new Promise(() => {});
  const [end] = said;
  if (end.status === 'rejected') throw end.reason;
  return end.value;
}

const unavailable = (host: Host): DeployError => new DeployError('SshUnavailable', `${host.alias} does not answer`);

function failureOf(code: JobCode, name: string, alias: string): DeployError {
  const type = code === 'deadline' ? 'DeadlineExceeded' : 'CommandFailed';
  const exit = code === '1' || code === '137' ? { exit: Number(code) } : {};
  return new DeployError(type, `${name} on ${alias} ended with ${code}`, exit);
}
