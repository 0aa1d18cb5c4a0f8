/** Builders of what the CLI shows. */
import type { DeployReport, DeployView, HostView, StepName, StepView } from '../../src/contracts/deploy.ts';
import { steps } from '../../src/contracts/deploy.ts';
import type { Diagnosis } from '../../src/contracts/diagnosis.ts';

export const oldSha = 'fd44bca06e6ff0ddd3147a46aaa6e89b06a6f580';
export const newSha = 'abc1234567890abcdef1234567890abcdef12345';

/** `00:00` plus this many seconds, as the workflow's clock says it. */
export const second = (n: number): string => new Date(Date.UTC(2026, 0, 8, 12, 0, 0) + n * 1000).toISOString();

/** A view in which every step before the named one took a second, and that one is in the given state. */
export function viewAt(
  step: StepName | undefined,
  state: StepView['state'] = 'running',
  more: Partial<DeployView> = {},
) {
  return view({
    phase: (step ?? 'closed') as DeployView['phase'],
    hosts: [host({ steps: stepsUpTo(step, state) })],
    ...more,
  });
}

export function stepsUpTo(last: StepName | undefined, state: StepView['state'], note?: string): StepView[] {
  const index = last === undefined ? steps.length : steps.indexOf(last as (typeof steps)[number]);
  return steps.map((step, at): StepView => {
    if (at > index) return { step, state: 'pending' };
    const started = { step, startedAt: second(at) };
    if (at < index) return { ...started, state: 'done', finishedAt: second(at + 1) };
    const noted = note === undefined ? {} : { note };
    return state === 'running'
      ? { ...started, state, ...noted }
      : { ...started, state, finishedAt: second(at + 1), ...noted };
  });
}

export function host(more: Partial<HostView> = {}): HostView {
  return {
    host: 'web-1',
    address: '54.254.150.31',
    steps: stepsUpTo(undefined, 'done'),
    before: oldSha,
    verified: false,
    rules: [],
    services: [],
    manualChanges: [],
    untracked: [],
    warnings: [],
    ...more,
  };
}

export function view(more: Partial<DeployView> = {}): DeployView {
  return {
    target: 'production',
    kind: 'deploy',
    deploy: '01a20b',
    actor: 'alice@laptop',
    requested: newSha,
    commit: newSha,
    phase: 'build',
    noop: false,
    startedAt: second(0),
    hosts: [host()],
    warnings: [],
    ...more,
  };
}

export const report = (more: Partial<DeployReport> = {}): DeployReport => ({
  ...view({ hosts: [host({ now: newSha, verified: true })] }),
  phase: 'closed',
  outcome: 'succeeded',
  finishedAt: second(8),
  ...more,
});

export const diagnosis = (more: Partial<Diagnosis> = {}): Diagnosis => ({
  mode: 'database-connection',
  service: 'backend-aws',
  finding: 'backend-aws cannot use its database, wrong password: password authentication failed.',
  next: 'Correct DATABASE_URL in .env.aws, then `docker compose --profile aws up -d --force-recreate backend-aws`.',
  evidence: [
    { command: 'docker compose exec -T backend-aws', output: 'one\ntwo\nthree\nfour\n' },
    { command: 'docker compose ps -a', output: 'NAME STATUS' },
  ],
  failing: ['backend-aws', 'frontend'],
  ...more,
});
