/** A typed client: what `dbc` does with deploys, for other programs. */
import type { InspectReport, Question } from '../contracts/activities.ts';
import type { ChangeEnvRequest, RestartRequest } from '../contracts/change-env.ts';
import type { DeployKind, DeployRequest } from '../contracts/deploy.ts';
import type { AbortMessage } from '../contracts/temporal.ts';
import { targetName } from '../domain/names.ts';
import { type AbortAnswer, abortDeploy } from './abort.ts';
import { type Poller, pollers } from './answer.ts';
import { type DeployRecord, deployRecord } from './deploy-record.ts';
import { type ListedDeploy, listDeploys } from './deploys.ts';
import { type FollowOptions, follow, type Moment, resultOf } from './follow.ts';
import { type AskOptions, askHosts } from './inspect.ts';
import { type DeployRef, type End, type Status, statusOf } from './progress.ts';
import { type ScheduleChanges, setupSchedules } from './schedules.ts';
import { type ConnectOptions, closeServer, connectServer, type Server } from './server.ts';
import { type SetupState, serverVersion, setup, setupState } from './setup.ts';
import { type StartOptions, startDeploy, startEnvChange, startRestart } from './start.ts';

export { NoDeploy, SetupMissing, TargetBusy, TemporalUnavailable } from './errors.ts';
export type {
  AbortAnswer,
  ConnectOptions,
  DeployRecord,
  DeployRef,
  End,
  ListedDeploy,
  Moment,
  Poller,
  ScheduleChanges,
  Status,
};

/** @throws TemporalUnavailable when the server cannot be reached, after 6 s by default */
export const connect = async (options: ConnectOptions = {}): Promise<DeployClient> =>
  new DeployClient(await connectServer(options));

export class DeployClient {
  readonly #server: Server;

  constructor(server: Server) {
    this.#server = server;
  }

  get address(): string {
    return this.#server.address;
  }

  get namespace(): string {
    return this.#server.namespace;
  }

  startDeploy(kind: DeployKind, request: DeployRequest, options?: StartOptions): Promise<DeployRef> {
    return startDeploy(this.#server, kind, request, options);
  }

  /** Whether what it sends is encrypted before it leaves this process. */
  get encrypts(): boolean {
    return this.#server.codec.encrypts;
  }

  startEnvChange(request: ChangeEnvRequest, options?: StartOptions): Promise<DeployRef> {
    return startEnvChange(this.#server, request, options);
  }

  startRestart(request: RestartRequest, options?: StartOptions): Promise<DeployRef> {
    return startRestart(this.#server, request, options);
  }

  abort(deploy: DeployRef, message: AbortMessage): Promise<AbortAnswer> {
    return abortDeploy(this.#server, deploy, message);
  }

  /** The target's running deploy, else its last one; undefined when Temporal knows none. */
  progress(target: string, runId?: string): Promise<Status | undefined> {
    return statusOf(this.#server, targetName(target), runId);
  }

  /** All that Temporal knows of one deploy, as a report tells it; without an ID of the running one, else of the last. */
  record(target: string, id?: string): Promise<DeployRecord | undefined> {
    return deployRecord(this.#server, targetName(target), id);
  }

  follow(deploy: DeployRef, options?: FollowOptions): AsyncGenerator<Moment, End | undefined> {
    return follow(this.#server, deploy, options);
  }

  result(deploy: DeployRef): Promise<End> {
    return resultOf(this.#server, deploy);
  }

  ask(target: string, question: Question, options?: AskOptions): Promise<InspectReport> {
    return askHosts(this.#server, target, question, options);
  }

  listDeploys(options?: { target?: string; limit?: number }): Promise<ListedDeploy[]> {
    return listDeploys(this.#server, options);
  }

  pollers(): Promise<Poller[]> {
    return pollers(this.#server);
  }

  /** Whether a worker polled in the last minutes; Temporal does not know it any better. */
  async isWorkerPolling(): Promise<boolean> {
    return (await this.pollers()).length > 0;
  }

  setupState(): Promise<SetupState> {
    return setupState(this.#server);
  }

  setup(): Promise<{ added: string[] } & SetupState> {
    return setup(this.#server);
  }

  /**
   * Makes Temporal's schedules what the worker's config says.
   *
   * @throws TemporalUnavailable when no worker answers
   */
  setupSchedules(options?: AskOptions): Promise<ScheduleChanges> {
    return setupSchedules(this.#server, options);
  }

  serverVersion(): Promise<string> {
    return serverVersion(this.#server);
  }

  close(): Promise<void> {
    return closeServer(this.#server);
  }
}
