import fc from 'fast-check';
import { anyCase } from './arbitrary.ts';
import type { Case } from './case.ts';
import { caseText } from './case-text.ts';
import { afterwards } from './invariants/afterwards.ts';
import { violations } from './invariants.ts';
import { type Ran, runCase } from './run-case.ts';
import { replayAll } from './temporal/replay.ts';
import type { Sandbox } from './temporal/sandbox.ts';

export interface Checked {
  cases: number;
  /** How often each outcome, fault and event came. */
  came: Record<string, number>;
  failure?: Found;
}

/** A case that breaks a promise, as small as it could be made. */
export interface Found {
  seed: number;
  path: string;
  broken: string[];
  text: string;
  timeline: string[];
}

/** All that is known of it, and how to have it again. */
export function foundText({ seed: of, path, broken, text, timeline }: Found): string {
  return [
    `── seed ${of} ${'─'.repeat(60)}`,
    ...broken.map((line) => `✗ ${line}`),
    text,
    ...timeline,
    `Again: npm run simulate -- --seed ${of} --path ${path}`,
  ].join('\n');
}

/** Every so many cases are replayed on the SDK's Core. */
const replayed = 20;

let runs = 0;

/** Runs so many cases of one seed. One that fails is shrunk; the same seed and path bring it back. */
export async function check(sandbox: Sandbox, seed: number, numRuns: number, path?: string): Promise<Checked> {
  const came: Record<string, number> = {};
  const histories: { workflowId: string; history: object }[] = [];
  let cases = 0;
  let failed: Judged | undefined;
  const property = fc.asyncProperty(anyCase, async (scenario) => {
    cases += 1;
    const judged = await judge(sandbox, scenario);
    if (judged.broken.length > 0) {
      failed = judged;
      throw new Error(judged.broken.join('\n'));
    }
    for (const { report, closeType, world } of judged.ran) {
      const cured = report?.hosts.some(({ recovery }) => recovery?.some((rung) => rung.cured)) ? ['cured'] : [];
      for (const what of [report?.outcome ?? closeType ?? '', ...cured, ...world.script.came])
        came[what] = (came[what] ?? 0) + 1;
    }
    if (cases % replayed > 0) return;
    for (const [index, { history }] of judged.ran.entries()) {
      histories.push({ workflowId: `case-${cases}-${index}`, history: history() });
    }
  });
  const result = await fc.check(property, { seed, numRuns, ...(path === undefined ? {} : { path }) });
  if (!result.failed) {
    const different = await replayAll(histories);
    if (different.size === 0) return { cases, came };
    const failure = {
      seed,
      path: '',
      broken: [...different.values()],
      text: 'a history does not replay',
      timeline: [],
    };
    return { cases, came, failure };
  }
  const [scenario] = result.counterexample as [Case];
  return {
    cases,
    came,
    failure: {
      seed: result.seed,
      path: result.counterexamplePath ?? '',
      broken: failed?.broken ?? [],
      text: caseText(scenario),
      timeline: failed?.ran.at(-1)?.world.log ?? [],
    },
  };
}

interface Judged {
  ran: Ran[];
  broken: string[];
}

/** The last judged case stays the smallest that fails, because shrinking ends with it. */
async function judge(sandbox: Sandbox, scenario: Case): Promise<Judged> {
  try {
    const broken: string[] = [];
    const ran = await runCase(sandbox, scenario, `run-${++runs}`, (each) => broken.push(...violations(each)));
    return { ran, broken: [...broken, ...afterwards(ran)] };
  } catch (error) {
    return { ran: [], broken: [error instanceof Error ? (error.stack ?? error.message) : String(error)] };
  }
}
