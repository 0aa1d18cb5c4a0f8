import { proxySinks } from '@temporalio/workflow';
import type { DeployReport } from '../src/contracts/deploy.ts';
import type { DeploySinks } from '../src/contracts/ended-deploy.ts';

const { deploys } = proxySinks<DeploySinks>();

/** For the metrics and the log of the worker. */
export function tellEnded(report: DeployReport): void {
  const { target, kind, outcome, deploy, actor, commit, failure, hosts, startedAt, finishedAt } = report;
  deploys.ended({
    target,
    known: hosts.length > 0,
    kind,
    outcome,
    deploy,
    actor,
    ...(commit === undefined ? {} : { commit }),
    ...(failure === undefined ? {} : { error: failure.type }),
    tookMs: Date.parse(finishedAt) - Date.parse(startedAt),
  });
}
