/** A deploy of `histories/`, as a client reads it from Temporal. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { recordedWork } from '../../src/client/history.ts';
import { encryptionCodec } from '../../src/codec/encryption-codec.ts';
import type { DeployReport } from '../../src/contracts/deploy.ts';
import type { RecordedWork } from '../../src/contracts/recorded-work.ts';
import { makeReport, type Report } from '../../src/domain/report/report.ts';

const read = (name: string) => JSON.parse(readFileSync(join(import.meta.dirname, `histories/${name}.json`), 'utf8'));

/** What it left when it closed. */
export function recordedReport(name: string): DeployReport {
  const [last] = read(name).events.slice(-1);
  const { result, failure } = {
    ...last.workflowExecutionCompletedEventAttributes,
    ...last.workflowExecutionFailedEventAttributes,
  };
  const [payload] = (result ?? failure.applicationFailureInfo.details).payloads;
  return JSON.parse(Buffer.from(payload.data, 'base64').toString('utf8'));
}

export const recordedEvents = (name: string) => historyFromJSON(read(name)).events ?? [];

export const workIn = (...events: Parameters<typeof recordedWork> extends [unknown, ...infer Rest] ? Rest : never) =>
  recordedWork({ codec: encryptionCodec([]) }, ...events);

export async function recordedDeploy(name: string): Promise<{ view: DeployReport; work: RecordedWork[] }> {
  return { view: recordedReport(name), work: await workIn(recordedEvents(name)) };
}

/** Of a deploy that has ended, as `dbc report` makes it. */
export function reportOf({ view, work }: { view: DeployReport; work: RecordedWork[] }): Report {
  const { target, deploy, finishedAt } = view;
  return makeReport({ workflowId: `deploy/${target}`, runId: deploy, open: false, madeAt: finishedAt, view, work });
}
