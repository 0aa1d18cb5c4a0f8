import type { EnvChangeView } from '../contracts/deploy.ts';
import type { RuntimeSnapshot } from '../contracts/host.ts';

/** What a change is about, in a word or two: the variables, or where there is none, the services that are made anew. */
export function subjectOf({ set, unset, restart }: EnvChangeView): string {
  const names = [...set, ...unset];
  return (names.length > 0 ? names : restart).join(', ');
}

/**
 * A snapshot in which these services were fine. What was broken before a change may stay broken, but not what a restart was
 * to repair.
 */
export function asIfHealthy(snapshot: RuntimeSnapshot, services: readonly string[]): RuntimeSnapshot {
  if (snapshot.kind === 'commands') return { ...snapshot, running: true };
  const containers = snapshot.containers.map((container) =>
    services.includes(container.service) ? { ...container, state: 'running', health: '' } : container,
  );
  return { ...snapshot, containers };
}
