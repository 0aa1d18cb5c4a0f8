import type { RecordedWork } from '../contracts/recorded-work.ts';
import { deployWorkflowId } from '../contracts/temporal.ts';
import { DeployError } from '../domain/deploy-error.ts';
import { breach, nameRules } from '../domain/names.ts';
import { listDeploys } from './deploys.ts';
import { NoDeploy } from './errors.ts';
import { historyEvents, recordedWork } from './history.ts';
import { describe, firstRunId, queryView, type Status, statusOf } from './progress.ts';
import type { Server } from './server.ts';

/** A deploy as it is now, or was at its end, and all that was done for it. */
export interface DeployRecord extends Status {
  work: RecordedWork[];
}

/** How far back a deploy is looked for by the beginning of its ID. */
const mostDeploys = 1000;

/**
 * All that Temporal knows of a deploy.
 *
 * @param id of the deploy or of a run, or the beginning of one; absent: the target's running deploy, else its last one
 * @returns undefined when Temporal knows no deploy of the target
 * @throws NoDeploy when it knows none with this ID
 * @throws DeployError InvalidInput when that is no ID, or the beginning of several
 */
export async function deployRecord(server: Server, target: string, id?: string): Promise<DeployRecord | undefined> {
  const status = await statusOf(server, target, id === undefined ? undefined : await runOf(server, target, id));
  if (!status) return undefined;
  const { ref } = status;
  const [description, events] = await Promise.all([
    describe(server, ref.workflowId, ref.runId),
    historyEvents(server, ref),
  ]);
  const work = await recordedWork(server, events, description?.raw.pendingActivities ?? []);
  if (!status.closedAs) return { ...status, work };
  // It left no report, but what it held in its last moment can be made again where a worker is.
  const lastView = await queryView(server, ref);
  const { finishedAt } = status.view;
  const view = lastView ? { ...lastView, ...(finishedAt === undefined ? {} : { finishedAt }) } : status.view;
  return { ...status, view, work };
}

/**
 * The newest run of the deploy that is meant: a Reset from Temporal's UI gives a deploy another one. Temporal's list does
 * not say which runs are of one deploy, so those that were started next are asked.
 */
async function runOf(server: Server, target: string, id: string): Promise<string> {
  const wrong = breach(nameRules.deployId, id);
  if (wrong !== undefined) throw unfit(wrong, target);
  const listed = (await listDeploys(server, { target, limit: mostDeploys })).map(({ runId }) => runId);
  const [found, ...more] = listed.filter((runId) => runId.startsWith(id));
  if (found === undefined) {
    throw new NoDeploy(
      `Temporal knows no deploy of ${target} whose ID begins with ${id}; \`dbc status ${target}\` lists the last ones.`,
      { unknown: true },
    );
  }
  if (more.length > 0) {
    throw unfit(`expected the beginning of one deploy's ID, found that of ${more.length + 1}: ${id}`, target);
  }
  const deployOf = async (runId: string) => {
    const description = await describe(server, deployWorkflowId(target), runId);
    return description && firstRunId(description);
  };
  const deploy = await deployOf(found);
  let newest = found;
  for (const next of listed.slice(0, listed.indexOf(found)).reverse()) {
    if ((await deployOf(next)) !== deploy) break;
    newest = next;
  }
  return newest;
}

const unfit = (what: string, target: string): DeployError =>
  new DeployError('InvalidInput', what, { hint: `\`dbc status ${target}\` shows the IDs of the last deploys.` });
