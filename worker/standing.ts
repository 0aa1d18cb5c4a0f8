import { setTimeout as sleep } from 'node:timers/promises';
import { type ListedDeploy, listDeploys } from '../src/client/deploys.ts';
import { ask } from '../src/client/server.ts';
import type { ChangeKind, Phase } from '../src/contracts/deploy.ts';
import { untouched } from '../src/domain/deploy-words.ts';

/** How a target stands, as Temporal tells it. Times are epoch ms. */
export interface Standing {
  target: string;
  /** What changes it now. */
  open?: { kind: ChangeKind; phase: Phase; startedAt: number };
  /** What changed it last left a host for a person to look at, or was ended from outside in the middle of it. */
  needsOperator: boolean;
  /** When the last deploy or rollback that succeeded had ended. */
  succeededAt?: number;
}

type Asked = Parameters<typeof listDeploys>[0] & Parameters<typeof ask>[0];

/** Who asks for metrics gives up after a few seconds. Milliseconds. */
const answerWithinMs = 3000;

/** How the targets stand; undefined when Temporal does not say so in time, or refuses. */
export async function standingOf(server: Asked, targets: readonly string[]): Promise<Standing[] | undefined> {
  const each = () => Promise.all(targets.map((target) => standing(server, target)));
  const asked = ask(server, each, answerWithinMs).catch(() => undefined);
  return Promise.race([asked, sleep(answerWithinMs, undefined, { ref: false })]);
}

async function standing(server: Asked, target: string): Promise<Standing> {
  const last = await listDeploys(server, { target });
  const succeeded =
    last.find(isRelease) ?? (await listDeploys(server, { target, outcome: 'succeeded' })).find(isRelease);
  const [newest] = last;
  return {
    target,
    ...(newest?.open ? { open: { ...newest.view, startedAt: Date.parse(newest.view.startedAt) } } : {}),
    needsOperator: needsOperator(last.filter(({ open }) => !open)),
    ...(succeeded?.view.finishedAt ? { succeededAt: Date.parse(succeeded.view.finishedAt) } : {}),
  };
}

const isRelease = ({ view: { outcome, kind } }: ListedDeploy): boolean =>
  outcome === 'succeeded' && (kind === 'deploy' || kind === 'rollback');

/** The newest of them that says it; one that may have left every host alone does not. */
function needsOperator(closed: readonly ListedDeploy[]): boolean {
  for (const { view } of closed) {
    const { outcome = untouched(view.phase) ? 'not-applied' : 'needs-operator' } = view;
    if (outcome === 'needs-operator') return true;
    if (outcome === 'succeeded' || outcome === 'rolled-back') return false;
  }
  return false;
}
