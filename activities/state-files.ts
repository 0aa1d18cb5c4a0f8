import type { DrillRecord, Release, Snapshot } from '../src/contracts/host.ts';
import { hostRecord } from '../src/domain/host-json.ts';
import type { Leftover } from '../src/domain/leftover.ts';
import type { HostAnswer } from './ssh/host-program.ts';

/** What earlier deploys left in the host's state folder. */
export interface StateFiles {
  snapshots: Map<string, Leftover>;
  /** Oldest first. */
  releases: Release[];
  quarantined: Map<string, string>;
  /** Changes of the env file that neither were proven nor put back. */
  envChanges: string[];
  lastDrill?: DrillRecord;
}

const snapshotShape = {
  deploy: 'string',
  runtime: 'object',
  manualChanges: 'object',
  untracked: 'object',
  baseline: 'object',
} as const;

/** @throws DeployError CommandFailed for a record that is none */
export function parseStateFiles(answer: HostAnswer): StateFiles {
  const files = answer.lines
    .filter(({ key }) => key === 'file')
    .map(({ value }) => {
      const [path = '', content = ''] = value.split(' ');
      return { path, text: Buffer.from(content, 'base64').toString('utf8') };
    });
  const snapshots = new Map<string, Leftover>();
  const notes: [deploy: string, note: Omit<Leftover, 'snapshot'>][] = [];
  const releases: Release[] = [];
  const quarantined = new Map<string, string>();
  const envChanges: string[] = [];
  let lastDrill: DrillRecord | undefined;
  for (const { path, text } of files) {
    const [folder, name = '', file] = path.split('/');
    if (folder === 'snapshots' && file === 'snapshot.json')
      snapshots.set(name, { snapshot: hostRecord<Snapshot>(text, path, snapshotShape) });
    if (folder === 'snapshots' && file === 'target') notes.push([name, { target: text.trim() }]);
    if (folder === 'snapshots' && file === 'built') notes.push([name, { built: text.trim().split('\n') }]);
    if (folder === 'snapshots' && file === 'started') notes.push([name, { started: true }]);
    if (folder === 'snapshots' && file === 'env-written') envChanges.push(name);
    if (path === drillPath)
      lastDrill = hostRecord<DrillRecord>(text, path, { at: 'string', back: 'object', forward: 'object' });
    if (folder === 'releases')
      releases.push(
        hostRecord<Release>(text, path, { sha: 'string', deploy: 'string', at: 'string', images: 'object' }),
      );
    if (folder === 'quarantine') quarantined.set(name, text.trim());
  }
  for (const { deploy } of releases) notes.push([deploy, { recorded: true }]);
  for (const [deploy, note] of notes) {
    const leftover = snapshots.get(deploy);
    if (leftover) Object.assign(leftover, note);
  }
  releases.sort((a, b) => a.at.localeCompare(b.at));
  return { snapshots, releases, quarantined, envChanges, ...(lastDrill === undefined ? {} : { lastDrill }) };
}

export const drillPath = 'drill.json';
export const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
export const snapshotPath = (deploy: string): string => `snapshots/${deploy}/snapshot.json`;

/** The notes of a leftover as `create PATH BASE64`, for the deploy that adopts it, and one that says that it did. */
export function adoptedNotes(deploy: string, { target, built, started }: Leftover): string[] {
  const note = (name: string, text: string) => ['create', `snapshots/${deploy}/${name}`, base64(text)];
  return [
    ...note('adopted', 'yes'),
    ...(target === undefined ? [] : note('target', target)),
    ...(built === undefined ? [] : note('built', built.join('\n'))),
    ...(started ? note('started', 'yes') : []),
  ];
}

/** One file a deploy: a commit may be released more than once. */
export const releasePath = (release: Release): string => `releases/${release.deploy}.json`;
/** The env file as it was when the release was recorded; only the host ever reads it, and `drift`. */
export const releaseEnvPath = (release: Release): string => `releases/${release.deploy}.env`;
