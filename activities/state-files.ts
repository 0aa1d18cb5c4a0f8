import type { Release, Snapshot } from '../src/contracts/host.ts';
import type { Leftover } from '../src/domain/leftover.ts';
import type { HostAnswer } from './ssh/host-program.ts';

/** What earlier deploys left in the host's state folder. */
export interface StateFiles {
  snapshots: Map<string, Leftover>;
  /** Oldest first. */
  releases: Release[];
  quarantined: Map<string, string>;
}

export function parseStateFiles(answer: HostAnswer): StateFiles {
  const files = answer.lines
    .filter(({ key }) => key === 'file')
    .map(({ value }) => {
      const [path = '', content = ''] = value.split(' ');
      return { path, text: Buffer.from(content, 'base64').toString('utf8') };
    });
  const snapshots = new Map<string, Leftover>();
  const targets = new Map<string, string>();
  const releases: Release[] = [];
  const quarantined = new Map<string, string>();
  for (const { path, text } of files) {
    const [folder, name = '', file] = path.split('/');
    if (folder === 'snapshots' && file === 'snapshot.json')
      snapshots.set(name, { snapshot: JSON.parse(text) as Snapshot });
    if (folder === 'snapshots' && file === 'target') targets.set(name, text.trim());
    if (folder === 'releases') releases.push(JSON.parse(text) as Release);
    if (folder === 'quarantine') quarantined.set(name, text.trim());
  }
  for (const [deploy, target] of targets) {
    const leftover = snapshots.get(deploy);
    if (leftover) leftover.target = target;
  }
  releases.sort((a, b) => a.at.localeCompare(b.at));
  return { snapshots, releases, quarantined };
}

export const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
export const snapshotPath = (deploy: string): string => `snapshots/${deploy}/snapshot.json`;
export const targetPath = (deploy: string): string => `snapshots/${deploy}/target`;
/** One file a deploy: a commit may be released more than once. */
export const releasePath = (release: Release): string => `releases/${release.deploy}.json`;
