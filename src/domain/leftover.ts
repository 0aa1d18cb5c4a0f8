import type { RuntimeSnapshot, Snapshot } from '../contracts/host.ts';

/** What a deploy that never finished left on a host. */
export interface Leftover {
  snapshot: Snapshot;
  /** The commit that it was going to check out; absent when it died before `reset`. */
  target?: string;
  /** IDs of the images that it built, once it had built them all. */
  built?: string[];
  /** It ran the start command and did not run the old release's again since; of the `commands` runtime. */
  started?: boolean;
  /** Its release is recorded here: it died after the point of no return, and the host is what it was to become. */
  recorded?: boolean;
}

export interface HostNow {
  head: string;
  manualChanges: string[];
  runtime: RuntimeSnapshot;
  /** Whether every service is fine. */
  healthy: boolean;
}

/**
 * Whether a host still is as a dead deploy left it, half changed, so that its snapshot is the way back to the last
 * good state. False when it had changed nothing, or when a person has put the host in order meanwhile.
 */
export function isHalfChanged(leftover: Leftover, now: HostNow): boolean {
  const { snapshot, target, recorded } = leftover;
  if (target === undefined || recorded) return false;
  if (now.head === target && now.head !== snapshot.sha) return true;
  // Another commit than either: somebody put it there on purpose.
  if (now.head !== snapshot.sha) return false;
  // A checkout that was cut off leaves files that look like manual changes.
  if (now.manualChanges.join('\n') !== snapshot.manualChanges.join('\n')) return true;
  // Only the checkout was put back.
  if (runsWhatItBuilt(leftover, now.runtime) || leftover.started) return true;
  return !now.healthy && !sameServices(snapshot.runtime, now.runtime);
}

/** Images of a person's repair are other ones. */
function runsWhatItBuilt({ snapshot, built = [] }: Leftover, now: RuntimeSnapshot): boolean {
  const imagesOf = (runtime: RuntimeSnapshot) =>
    runtime.kind === 'compose' ? runtime.containers.map(({ imageId }) => imageId) : [];
  const before = new Set(imagesOf(snapshot.runtime));
  return imagesOf(now).some((id) => built.includes(id) && !before.has(id));
}

function sameServices(before: RuntimeSnapshot, now: RuntimeSnapshot): boolean {
  if (before.kind === 'commands' || now.kind === 'commands') {
    return (
      before.kind === now.kind &&
      before.kind === 'commands' &&
      now.kind === 'commands' &&
      before.running === now.running
    );
  }
  const ids = (snapshot: typeof before) => snapshot.containers.map(({ id, imageId }) => `${id} ${imageId}`).sort();
  return ids(before).join() === ids(now).join();
}
