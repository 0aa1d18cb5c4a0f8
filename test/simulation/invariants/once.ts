import type { Host } from '../host/host.ts';
import type { Closed } from '../invariants.ts';
import { asked, isRobbed } from './state.ts';

const forward = new Set([
  ...['inspect', 'fetch', 'reset', 'build', 'hook', 'start', 'verify', 'diagnose', 'recover', 'record'],
]);
const restoring = new Set([
  'retakeLease',
  'undoing hook',
  'restoreCheckout',
  'restoreImages',
  'restoreServices',
  'verifyRestored',
]);

const hooks = ['hook-beforeRollback', 'hook-before', 'hook-after', 'restore-hook-beforeRollback'];

/** Nothing runs twice or side by side, restore runs when reset was attempted, and an abort is the end of the way forward. */
export function once(trace: Closed): string[] {
  return [...trace.world.hosts.flatMap((host) => [...jobs(trace, host), ...restored(trace, host)]), ...aborted(trace)];
}

function jobs({ world }: Closed, host: Host): string[] {
  const { deploy } = world;
  const all = [...host.jobs.all.values()].filter((job) => job.goneAt !== job.startedAt);
  const found: string[] = [];
  // Each rung of a recovery is a step of its own.
  const rungs = all.flatMap(({ key }) => key.match(/(?<=\.)recover-\d+-[a-z-]+(?=\.)/) ?? []);
  for (const step of ['fetch', 'reset', 'build', 'start', ...hooks, ...new Set(rungs)]) {
    const ran = all.filter(({ key, code }) => key.startsWith(`${deploy}.${step}.`) && code !== 'lost');
    if (ran.length > 1) found.push(`${step} ran ${ran.length} times on ${host.alias}`);
  }
  const inOrder = all.sort((a, b) => a.startedAt - b.startedAt);
  for (const [index, job] of inOrder.entries()) {
    const next = inOrder[index + 1];
    if (next && next.startedAt < (job.goneAt ?? world.clock.now)) {
      found.push(`${job.key} and ${next.key} overlap on ${host.alias}`);
    }
    if (job.goneAt === undefined) found.push(`${job.key} still runs on ${host.alias}`);
  }
  return found;
}

function restored(trace: Closed, host: Host): string[] {
  const { alias } = host;
  const here = trace.asked.filter((each) => each.host === alias);
  const wasReset = asked(trace, 'reset', alias);
  const wasRestored = here.some(({ step }) => restoring.has(step));
  const forwardToTheEnd = trace.asked.some(({ step }) => step === 'record') || trace.report.outcome === 'succeeded';
  const firstRestore = here.findIndex(({ step }) => restoring.has(step));
  const after = firstRestore < 0 ? [] : here.slice(firstRestore).filter(({ step }) => forward.has(step));
  const lost = isRobbed(trace, host);
  return [
    ...(wasRestored && !wasReset && !trace.world.wasReset ? [`${alias} was restored, but never reset`] : []),
    ...(wasReset && !wasRestored && !forwardToTheEnd && !lost ? [`${alias} was reset and not restored`] : []),
    ...(wasRestored && forwardToTheEnd ? [`${alias} was restored after the point of no return`] : []),
    ...after.map(({ step }) => `${step} after the restore began on ${alias}`),
  ];
}

function aborted({ abortedAt, report, asked: all }: Closed): string[] {
  if (abortedAt === undefined) return [];
  const { abort, outcome } = report;
  if (!abort) return ['nobody heard of the abort'];
  const heardAt = Date.parse(abort.at);
  const before = all.filter(({ at }) => at < heardAt);
  const ahead = !before.some(({ step }) => step === 'record' || step === 'releaseLease' || restoring.has(step));
  const late = all.filter(({ step, at }) => at >= heardAt && forward.has(step)).map(({ step }) => step);
  const tooLate = before.some(({ step }) => step === 'record');
  return [
    ...(abort.accepted ? late.map((step) => `${step} began after the abort was accepted`) : []),
    ...(ahead && !abort.accepted && !all.some(({ step, at }) => step === 'record' && at === heardAt)
      ? ['an abort on the way forward was not accepted']
      : []),
    ...(tooLate && abort.accepted ? ['an abort was accepted after record had begun'] : []),
    ...(tooLate && !['succeeded', 'needs-operator', 'superseded'].includes(outcome) ? [`${outcome} after record`] : []),
    ...(abort.accepted && ahead && !['aborted', 'needs-operator', 'superseded'].includes(outcome)
      ? [`aborted on the way forward, and ${outcome}`]
      : []),
    ...(!abort.accepted && outcome === 'aborted' ? ['aborted without an abort that was accepted'] : []),
  ];
}
