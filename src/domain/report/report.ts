import type { BuildResult, Fetched, Inspection } from '../../contracts/activities.ts';
import type { DeployView, HostView } from '../../contracts/deploy.ts';
import type { RecordedWork } from '../../contracts/recorded-work.ts';
import { type Timeline, timeline } from './timeline.ts';

/** All that a written report tells of a deploy. */
export interface Report {
  workflowId: string;
  runId: string;
  /** To Temporal's UI, when it is known where that is. */
  link?: string;
  /** True while it runs: the report tells of this moment. */
  open: boolean;
  /** How it was ended from outside, when it left no report of its own. */
  closedAs?: string;
  /** ISO 8601 */
  madeAt: string;
  view: Omit<DeployView, 'hosts'> & { hosts: ReportedHost[] };
  /** First line of the commit's message. */
  subject?: string;
  timeline: Timeline;
}

/** A host, with the images of the release that it is proved to be on. */
export type ReportedHost = HostView & { images: Image[] };

type Image = BuildResult['images'][number];

export type ReportSource = Pick<Report, 'workflowId' | 'runId' | 'link' | 'open' | 'closedAs' | 'madeAt'> & {
  view: DeployView;
  work: readonly RecordedWork[];
};

export function makeReport({ view, work, ...known }: ReportSource): Report {
  const subject = results<Fetched>(work, 'fetch').find((fetched) => fetched.subject)?.subject;
  return {
    ...known,
    ...(subject === undefined ? {} : { subject }),
    view: { ...view, hosts: view.hosts.map((host) => ({ ...host, images: imagesOf(host, work) })) },
    timeline: timeline(view, work, known.madeAt),
  };
}

/** Those of the snapshot where a host was put back, those that were built where it was not. */
function imagesOf({ host, now, before, verified }: HostView, work: readonly RecordedWork[]): Image[] {
  if (!verified) return [];
  const own = work.filter((each) => each.summary.startsWith(`${host}: `));
  const built = results<BuildResult>(own, 'build').at(-1);
  const restored = results(own, 'verifyRestored').length > 0;
  if (built && !restored && now !== undefined) return built.images;
  const runtime = now === before ? results<Inspection>(own, 'inspect').at(-1)?.snapshot.runtime : undefined;
  return runtime?.kind === 'compose' ? runtime.images : [];
}

const results = <T>(work: readonly RecordedWork[], activity: string): T[] =>
  work.flatMap((each) => (each.activity === activity && each.result ? [each.result as T] : []));
