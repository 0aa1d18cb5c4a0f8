import { shortSha } from '../sha.ts';
import type { Found } from './found.ts';
import type { Seen } from './seen.ts';
import { theyAre } from './words.ts';

/** The checkout is another commit than the one that was deployed. */
export function headMoved({ expected, head, manualChanges, outputs, target }: Seen): Found | undefined {
  if (expected === undefined || head === expected) return undefined;
  const is = head === '' ? 'No commit is checked out' : `HEAD is ${shortSha(head)}`;
  const changed = manualChanges.length > 0 ? `, and ${theyAre(manualChanges)} changed by hand` : '';
  return {
    mode: 'git-state-mismatch',
    finding: `${is}, expected ${shortSha(expected)}${changed}`,
    next: `Put the expected commit back: \`dbc deploy ${target} --commit ${shortSha(expected)}\`; or deploy the one that is wanted`,
    evidence: [{ command: 'git rev-parse HEAD', output: head }, outputs.git],
  };
}

export function filesChanged({ expected, head, manualChanges, outputs, target, repository }: Seen): Found | undefined {
  if (manualChanges.length === 0) return undefined;
  const is = `HEAD is ${shortSha(head)}${expected === undefined ? '' : ' as expected'}`;
  return {
    mode: 'git-state-mismatch',
    finding: `${is}, but ${theyAre(manualChanges)} changed by hand`,
    next:
      `See \`git diff\` in ${repository} and commit what is needed; ` +
      `\`dbc deploy ${target} --commit ${shortSha(head)}\` keeps the changes aside and takes them out`,
    evidence: [outputs.git],
  };
}
