import type { HostView } from '../contracts/deploy.ts';

/** A host's manual changes for people, each with when the file was last written, as far as that is known. */
export const manualChangeLines = ({ manualChanges, manualChangeTimes = {} }: HostView): string[] =>
  manualChanges.map((file) => {
    // A file may be called `constructor`.
    const at = Object.hasOwn(manualChangeTimes, file) ? manualChangeTimes[file] : undefined;
    return at === undefined ? file : `${file}, changed ${at.slice(0, 16).replace('T', ' ')} UTC`;
  });
