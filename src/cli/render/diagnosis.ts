import type { Diagnosis, Evidence } from '../../contracts/diagnosis.ts';
import { modeInWords } from '../../domain/deploy-words.ts';
import type { Colors } from '../terminal.ts';

/** In one line: `Port conflict (backend-aws): backend-aws cannot have port 8002: …`. */
export const diagnosisLine = ({ mode, service, finding }: Diagnosis): string =>
  `${modeInWords[mode]}${service === undefined ? '' : ` (${service})`}: ${finding}`;

/** A summary has more to tell than the evidence: its first piece, and of that the end. */
const brief = { pieces: 1, lines: 3 };

/** Failure mode and service, what was seen, what to do, and what shows it. */
export function diagnosisLines(diagnosis: Diagnosis, c: Colors, evidence: 'in full' | 'in brief'): string[] {
  const { mode, service, finding, next, failing } = diagnosis;
  const others = failing.filter((each) => each !== service);
  return [
    `   ${c.red('✗')} ${c.bold(modeInWords[mode])}${service === undefined ? '' : `: ${service}`}`,
    `     ${finding}`,
    ...(others.length > 0 && evidence === 'in full' ? [`     Not well besides: ${others.join(', ')}`] : []),
    `     ${c.bold('What to do:')} ${next}`,
    ...(evidence === 'in full'
      ? diagnosis.evidence.flatMap((each) => ['', ...evidenceLines(each, c)])
      : diagnosis.evidence.slice(0, brief.pieces).flatMap((each) => evidenceLines(each, c, brief.lines))),
  ];
}

function evidenceLines({ command, output }: Evidence, c: Colors, most = Number.POSITIVE_INFINITY): string[] {
  const lines = output.trimEnd().split('\n');
  return [`     $ ${command}`, ...lines.slice(-most).map((line) => c.dim(`     | ${line}`))];
}
