/** The histories that chaos made: they must replay on today's workflows, and tell no secret. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { deployWorkflowId } from '../../src/contracts/temporal.ts';
import { quietRuntime } from '../../worker/runtime.ts';
import { decodedHistory } from '../lab/decoded-history.ts';
import { withoutMachine } from '../replay/without-machine.ts';
import { workflowBundle } from '../workflow/bundle.ts';
import { secret } from './application.ts';
import type { Lane } from './lane.ts';
import { nameOf, type Seen } from './round.ts';

interface StoredHistory {
  workflowId: string;
  runId: string;
  json: string;
}

export async function historiesOf({ client }: Lane): Promise<StoredHistory[]> {
  const found: StoredHistory[] = [];
  for await (const { workflowId, runId } of client.workflow.list()) {
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    found.push({ workflowId, runId, json: historyToJSON(history) });
  }
  return found;
}

/** What is wrong with them, a sentence each. */
export async function brokenHistories(histories: readonly StoredHistory[]): Promise<string[]> {
  const broken = histories
    .filter(({ json }) => decodedHistory(json).includes(secret))
    .map(({ workflowId, runId }) => `the planted secret is in the history of ${workflowId} ${runId}`);
  for (const { workflowId, runId, json } of histories) {
    for (const failure of failedTasks(json)) broken.push(`${workflowId} ${runId}: ${failure}`);
  }
  quietRuntime(() => {});
  const replays = Worker.runReplayHistories(
    { workflowBundle: await workflowBundle() },
    histories.map(({ workflowId, json }) => ({ workflowId, history: JSON.parse(json) as { events: object[] } })),
  );
  for await (const { workflowId, runId, error } of replays) {
    if (error) broken.push(`${workflowId} ${runId} does not replay: ${error.message}`);
  }
  return broken;
}

/**
 * The workflow tasks that our code failed. One that was frozen with its worker is not: whoever was stopped for longer
 * than the SDK gives an activation (5 s) is told so when it goes on, and another worker takes the task.
 */
function failedTasks(json: string): string[] {
  const { events } = JSON.parse(json) as { events: { workflowTaskFailedEventAttributes?: TaskFailure }[] };
  return events.flatMap(({ workflowTaskFailedEventAttributes: task }) => {
    if (!/NON_DETERMINISTIC_ERROR|UNHANDLED_FAILURE/.test(task?.cause ?? '')) return [];
    const message = task?.failure?.message ?? 'no message';
    return frozen.test(message) ? [] : [`${task?.cause ?? ''}: ${message}`];
  });
}

interface TaskFailure {
  cause?: string;
  failure?: { message?: string };
}

const frozen = /Script execution timed out after 5000ms/;

/** Keeps the histories of a round for test/replay, one for each way in which a deploy ended after such a fault. */
export async function keepHistories({ client }: Lane, { deploys, events }: Seen, folder: string): Promise<void> {
  const worthKeeping = ['worker killed', 'worker stopped', 'Temporal killed', 'host rebooted', 'reset', 'unlock'];
  const happened = events.filter(({ began }) => began !== undefined).map(({ what }) => nameOf(what));
  for (const what of worthKeeping.filter((each) => happened.includes(each))) {
    for (const { target, lastRun, report } of deploys) {
      if (!report || report.outcome === 'not-applied') continue;
      const file = join(folder, `chaos-${report.outcome}-${what.toLowerCase().replaceAll(' ', '-')}.json`);
      if (existsSync(file)) continue;
      const history = await client.workflow.getHandle(deployWorkflowId(target), lastRun).fetchHistory();
      writeFileSync(file, `${JSON.stringify(JSON.parse(historyToJSON(history)), withoutMachine)}\n`);
    }
  }
}
