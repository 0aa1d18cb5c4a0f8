import type { Host } from '../host/host.ts';
import type { Closed } from '../invariants.ts';
import { newSha } from '../world.ts';
import { asked, isGiven, isRobbed } from './state.ts';

/** Only what the release itself did wrong, after its services had started, counts against it. */
export function quarantine(trace: Closed): string[] {
  return trace.world.hosts.flatMap((host) => (isRobbed(trace, host) ? [] : onHost(trace, host)));
}

function onHost(trace: Closed, host: Host): string[] {
  const { report, world } = trace;
  const { alias } = host;
  // Images that vanish, and services that somebody stops: nobody can tell that from a release's fault.
  if (world.script.came.has('images go') || world.servicesWereStopped) return [];
  const was = world.quarantinedAtStart.get(alias) ?? new Set();
  // The last call of a deploy that was terminated may reach the host after the next one has begun.
  const ours = [...host.quarantined].filter(([, deploy]) => deploy === world.deploy).map(([sha]) => sha);
  const added = ours.filter((sha) => !was.has(sha));
  const wasRunning = world.before.get(alias)?.head;
  const fault = itsFault(trace);
  // Where the host that failed was taken away, nobody can tell whose fault it was.
  const taken = world.robbedAt.has(report.failure?.host ?? '');
  const given = isGiven(trace, host);
  const owed =
    fault &&
    !taken &&
    // What the step said may be forgotten.
    !world.wasReset &&
    asked(trace, 'start', alias) &&
    given &&
    report.commit !== wasRunning &&
    !was.has(report.commit ?? '');
  return [
    ...added.flatMap((sha) => (sha === wasRunning ? [`${alias} has what it ran in quarantine`] : [])),
    ...(added.length > 0 && !fault ? [`${alias} has ${added[0]?.slice(0, 3)} in quarantine without its fault`] : []),
    ...(owed && added.length === 0 ? [`${alias} has no quarantine of what failed`] : []),
    ...(report.outcome === 'succeeded' && given && host.quarantined.has(report.commit ?? '')
      ? [`${alias} keeps the quarantine of what succeeded`]
      : []),
  ];
}

/** The failure is one of the release, and it came before any abort. */
function itsFault({ report, world, asked: all }: Closed): boolean {
  const { failure, abort, outcome } = report;
  if (!failure || outcome === 'succeeded' || outcome === 'aborted') return false;
  const failed = world.answers.find(
    ({ step, answer }) =>
      step === (failure.step === 'after' ? 'hook' : failure.step) &&
      'failed' in answer &&
      answer.failed.type === failure.type,
  );
  const undoneAt = all.find(({ step }) => step === 'retakeLease')?.at ?? Number.POSITIVE_INFINITY;
  // Heard of together with the failure, an abort excuses it as well.
  if (!failed || (abort && Date.parse(abort.at) <= undoneAt)) return false;
  if (failure.step === 'verify' && failure.type === 'HealthCheckFailed') {
    return (world.scenario.newIsSick && report.commit === newSha) || world.scenario.oldIsSick;
  }
  const where = world.hosts[world.indexOf(failure.host ?? '')];
  if (!['start', 'after'].includes(failure.step ?? '') || failure.type !== 'CommandFailed') return false;
  const name = `${world.deploy}.${failure.step === 'after' ? 'hook-after' : 'start'}.`;
  const jobs = [...(where?.jobs.all.values() ?? [])].filter(({ key }) => key.startsWith(name));
  return jobs.some(({ code }) => code === '1' || code === '137');
}
