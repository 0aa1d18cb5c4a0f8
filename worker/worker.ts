import { Client, type Connection } from '@temporalio/client';
import { type NativeConnection, Worker } from '@temporalio/worker';
import { createActivities } from '../activities/index.ts';
import type { RunningStep } from '../activities/run.ts';
import type { Secrets } from '../activities/ssh/secrets.ts';
import { Vault } from '../activities/vault.ts';
import { startTracing } from '../src/client/tracing.ts';
import { encryptionCodec } from '../src/codec/encryption-codec.ts';
import { payloadKeys } from '../src/codec/payload-keys.ts';
import type { LeaseHolder } from '../src/contracts/host.ts';
import { taskQueue } from '../src/contracts/temporal.ts';
import { workflowBundle } from './bundle.ts';
import { workerDataConverter } from './data-converter.ts';
import { createDeps, type DepsOptions } from './deps.ts';
import { keepHeapSmall } from './heap.ts';
import { askHolderBy } from './holder.ts';
import type { Live } from './metrics.ts';
import { deploySinks, type Observer, observeSteps } from './observer.ts';
import { standingOf } from './standing.ts';

export interface WorkerOptions extends Pick<DepsOptions, 'configPath' | 'env' | 'log'> {
  native: NativeConnection;
  connection: Connection;
  namespace: string;
  server: Pick<LeaseHolder, 'server' | 'embedded'>;
  /** Shared with whoever asks for changes from within this process. */
  vault?: Vault;
  version?: { deploymentName: string; buildId: string };
  /** Called once with what there is to look at; returns who is told of what happens. */
  observe?(live: Live, secrets: Secrets): readonly Observer[];
}

/**
 * Workflow code that takes longer is broken off, and Node then ends the process ("async hook stack has become
 * corrupted"). Ours has no endless loop: what takes longer is a machine that was suspended in the middle of it. The SDK
 * passes the option on, though its public type lacks it.
 */
const suspension = { isolateExecutionTimeout: '30d' } satisfies Pick<Worker['options'], 'isolateExecutionTimeout'>;

/** Wires the activities to Temporal. `close` after the worker has stopped. */
export async function createWorker(options: WorkerOptions): Promise<{ worker: Worker; close(): Promise<void> }> {
  const { native, connection, namespace, server, configPath, env, log, version, vault = new Vault() } = options;
  const codec = encryptionCodec(payloadKeys(env));
  const client = new Client({ connection, namespace });
  const running = new Set<RunningStep>();
  const { deps, ssh, close } = await createDeps({
    configPath,
    env,
    log,
    vault,
    running,
    server: { ...server, namespace },
    askHolder: askHolderBy(client, server),
  });
  const targets = async () => (await deps.listSchedules()).map(({ target }) => target);
  const temporal = {
    ...{ client, connection, namespace, address: connection.options.address, tls: false },
    open: new Set<Promise<unknown>>(),
  };
  const standing = (names: readonly string[]) => standingOf(temporal, names);
  const observers = options.observe?.({ ssh, running, targets, standing }, deps.secrets) ?? [];
  const tracing = await startTracing({ env, log, redact: (text) => deps.secrets.redact(text) });
  keepHeapSmall();
  const worker = await Worker.create({
    connection: native,
    namespace,
    taskQueue,
    workflowBundle: await workflowBundle({ traced: tracing !== undefined, encrypts: codec.encrypts }),
    activities: createActivities(deps),
    interceptors: {
      activity: [...(tracing?.activity ?? []), observeSteps(tracing ? [tracing, ...observers] : observers)],
    },
    sinks: { ...deploySinks(observers), ...tracing?.sinks },
    dataConverter: workerDataConverter(codec),
    // A cancel reaches a step with its next heartbeat; at the default throttle that takes most of the timeout.
    maxHeartbeatThrottleInterval: '1s',
    defaultHeartbeatThrottleInterval: '1s',
    // When a worker dies, its cached workflows are waited for this long before another worker gets them.
    stickyQueueScheduleToStartTimeout: '2s',
    ...suspension,
    // Remote jobs outlive us and the next worker follows them, so there is nothing to wait for.
    shutdownGraceTime: 0,
    shutdownForceTime: '20s',
    // A deploy moves to the current version: pinned ones would be stranded when their version's only worker is replaced.
    ...(version
      ? { workerDeploymentOptions: { version, useWorkerVersioning: true, defaultVersioningBehavior: 'AUTO_UPGRADE' } }
      : {}),
  });
  keepHeapSmall();
  return {
    worker,
    close: async () => {
      await close();
      await tracing?.flush();
      // The SDK tries a call again from a timer; on a closed connection that would end the process.
      await Promise.allSettled(temporal.open);
    },
  };
}
