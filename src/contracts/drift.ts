export const driftKinds = [
  'manual-change',
  'head',
  'branch',
  'image',
  'env',
  'service-missing',
  'service-extra',
] as const;
export type DriftKind = (typeof driftKinds)[number];

/** One way in which a host is not what its last release says. */
export interface DriftFinding {
  kind: DriftKind;
  /** One line for people; of an env file it holds names of variables, never values. */
  what: string;
}

export interface Drift {
  /** The last recorded release, which the host is compared with. Absent: none is recorded, or it does not say when. */
  release?: { sha: string; at: string };
  head: string;
  /** Empty: the host is what its last release says. */
  findings: DriftFinding[];
  /** What could not be compared, and why; no drift by itself. */
  notes: string[];
}
