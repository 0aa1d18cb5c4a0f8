import type { Host } from '../host/host.ts';
import type { Job } from '../host/jobs.ts';
import type { Closed } from '../invariants.ts';
import { isRobbed } from './state.ts';

/** Hooks run in their places, and what `before` has done is undone before the old release is put back. */
export function hooks(trace: Closed): string[] {
  return trace.world.hosts.flatMap((host) => (isRobbed(trace, host) ? [] : onHost(trace, host)));
}

function onHost({ world, report, asked }: Closed, host: Host): string[] {
  const { alias } = host;
  const jobs = [...host.jobs.all.values()].filter(({ key, goneAt, startedAt }) => {
    return key.startsWith(`${world.deploy}.`) && goneAt !== startedAt;
  });
  const firstOf = (name: string): Job | undefined => jobs.find(({ key }) => key.startsWith(`${world.deploy}.${name}`));
  const [before, after, left] = [firstOf('hook-before.'), firstOf('hook-after.'), firstOf('hook-beforeRollback.')];
  const undone = firstOf('restore-hook-beforeRollback.');
  const inOrder = (first: Job | undefined, then: Job | undefined) =>
    !first || !then || first.startedAt <= then.startedAt;
  const checkouts = jobs.filter(({ key }) => /\.restore-\d+-checkout\./.test(key));
  const forward = (name: string) => world.scenario.hooks && report.outcome === 'succeeded' && !firstOf(name);
  const started = firstOf('start.');
  return [
    ...(inOrder(firstOf('build.'), before) && inOrder(before, started) ? [] : [`before ran out of place on ${alias}`]),
    ...(inOrder(started, after) ? [] : [`after ran out of place on ${alias}`]),
    ...(inOrder(left, firstOf('reset.')) ? [] : [`beforeRollback ran out of place on ${alias}`]),
    ...(left && report.kind === 'deploy' ? [`beforeRollback ran in a deploy on ${alias}`] : []),
    ...(undone && !before ? [`${alias} undid a hook that never ran`] : []),
    ...(undone && checkouts.some(({ startedAt }) => startedAt < undone.startedAt) && !world.wasReset
      ? [`${alias} had left the release when the hook that undoes it ran`]
      : []),
    ...(started && forward('hook-before.') ? [`${alias} was started without its hook`] : []),
    ...(started && forward('hook-after.') ? [`${alias} succeeded without its hook`] : []),
    ...(!world.scenario.hooks && asked.some(({ step }) => step === 'hook')
      ? ['a hook that nobody has configured']
      : []),
  ];
}
