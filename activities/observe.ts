import type { HostTask } from '../src/contracts/activities.ts';
import type { RuleView } from '../src/contracts/deploy.ts';
import type { HealthRule } from '../src/contracts/target.ts';
import { DeployError } from '../src/domain/deploy-error.ts';
import { compileRule, evaluateRule, ruleLabel } from '../src/domain/health-rules.ts';
import { isWhole, sayings } from '../src/domain/said.ts';
import { checkoutScript, headScript } from './git.ts';
import { answersScript, askFromWorker, askScript, parseAnswers } from './health.ts';
import { pinnedProject } from './runtime/pinned-project.ts';
import type { Runtime, RuntimeState } from './runtime/port.ts';
import type { HostAnswer, HostCall, HostProgram } from './ssh/host-program.ts';
import type { Secrets } from './ssh/secrets.ts';

/** What a host is at one moment: its checkout, what runs, and what the health rules say. */
export interface Observation {
  head: string;
  branch?: string;
  /** Where the configured branch points. */
  branchSha?: string;
  remoteUrl: string;
  subject: string;
  manualChanges: string[];
  untracked: string[];
  /** Whether a deploy's saved manual changes are what the tree holds; absent when nothing was saved. */
  savedInPlace?: boolean;
  state: RuntimeState;
  rules: RuleView[];
  /** Differs after a reboot. */
  bootId: string;
  /** Lines of an additional script, as they are. */
  raw: string;
}

export interface ObserveOptions {
  /** Compose's project, once it is known. */
  project?: string | undefined;
  /** The commit that the rules expect; absent: the one that is checked out. */
  commit?: string;
  /** A ref of saved changes to compare the tree with. */
  saved?: string;
  /** Of the checkout only HEAD and its branch; nothing of what was changed in it. */
  brief?: true;
  /** Nothing of what runs: a question about the checkout, or the public view. */
  services?: false;
  /** Not which images the compose files name: whoever knows the images that have to run need not ask. */
  images?: false;
  /** More to read in the same call: before everything else, and after it. */
  more?: { begin: string; end: string };
  signal?: AbortSignal;
  rules?: HealthRule[];
  /** How the reading is sent. Default: as a call of its own. */
  send?(call: HostCall): Promise<HostAnswer>;
}

/** In memory where that can be: the disk may be full. */
const scratch = `set -u
scratch=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
`;

/**
 * One remote command reads everything, while the worker asks what it has to ask itself.
 *
 * @throws DeployError DeadlineExceeded when the reading was cut off, naming what it hung in: half of it proves nothing
 */
export async function observe(
  program: HostProgram,
  secrets: Secrets,
  runtime: Runtime,
  task: HostTask,
  options: ObserveOptions,
): Promise<Observation> {
  const rules = options.rules ?? task.target.health;
  const onHost = rules.filter(({ from }) => from === 'host');
  const script = readingScript(runtime, task, options);
  const seconds = Math.ceil(task.target.timeouts.inspectMs / 1000);
  const send = options.send ?? ((call: HostCall) => program.call(task, call));
  const [answer, fromWorker] = await Promise.all([
    send({
      operation: 'read',
      args: [seconds, script],
      timeoutMs: task.target.timeouts.inspectMs + 10_000,
      raw: true,
      ...(options.signal ? { signal: options.signal } : {}),
    }),
    Promise.all(rules.filter(({ from }) => from === 'worker').map((rule) => askFromWorker(rule, options.signal))),
  ]);
  const output = answer.output;
  if (!isWhole(output)) throw cutOff(task, answer, seconds);
  const answers = new Map([
    ...parseAnswers(output, onHost),
    ...rules.filter(({ from }) => from === 'worker').map((rule, index) => [rule.name, fromWorker[index]] as const),
  ]);
  const redact = secrets.redactorFor(task);
  const all = sayings(output);
  const one = (key: string): string => all(key)[0] ?? '';
  const views = rules.flatMap((rule) =>
    Object.entries(rule.expect).map(([label, expression]) => {
      const seen = answers.get(rule.name) ?? { error: 'no answer came back from the host' };
      const expected = options.commit ?? one('head');
      return evaluateRule(compileRule(expression), ruleLabel(rule.name, label), seen, expected, redact);
    }),
  );
  const state = runtime.parse(output);
  return {
    head: one('head'),
    ...(one('branch') ? { branch: one('branch') } : {}),
    ...(one('branch-sha') ? { branchSha: one('branch-sha') } : {}),
    // Shown, and never compared with what may hold a secret.
    remoteUrl: redact(one('remote')),
    subject: redact(one('subject')),
    manualChanges: all('manual'),
    untracked: all('untracked'),
    ...(one('saved') ? { savedInPlace: one('saved') === 'in-place' } : {}),
    state: redactState(state, redact),
    rules: views,
    bootId: one('boot'),
    raw: output,
  };
}

/** What {@link observe} runs on the host. Changes nothing. */
export function readingScript(runtime: Runtime, { target }: HostTask, options: ObserveOptions): string {
  const onHost = (options.rules ?? target.health).filter(({ from }) => from === 'host');
  return [
    scratch,
    pinnedProject(target),
    // The health URLs are asked while the rest is read.
    askScript(onHost),
    options.more?.begin ?? '',
    headScript(options.saved),
    options.brief ? '' : checkoutScript(target.repository),
    options.services === false ? '' : runtime.observe(options.project, options.images),
    options.more?.end ?? '',
    answersScript(onHost),
    'echo "read all"\n',
  ].join('');
}

function cutOff({ host }: HostTask, { lines, output }: HostAnswer, seconds: number): DeployError {
  const code = lines.find(({ key }) => key === 'ended')?.value ?? 'unknown';
  const at = sayings(output)('at').at(-1) ?? 'making a folder for temporary files';
  const hint = at.startsWith('docker') ? 'Look at its Docker engine: `systemctl status docker`.' : 'Look at the host.';
  const hung = code === '124' || code === '137';
  return hung
    ? new DeployError(
        'DeadlineExceeded',
        `${host.alias}: \`${at}\` hung; the host's state could not be read within ${seconds} s.`,
        { hint },
      )
    : new DeployError(
        'CommandFailed',
        `${host.alias}: the host's state could not be read: exit status ${code} in ${at}.`,
        { hint },
      );
}

/** Only what is shown is redacted: names and IDs are compared. */
function redactState(state: RuntimeState, redact: (text: string) => string): RuntimeState {
  const { runtime, problem, unread } = state;
  return {
    ...state,
    runtime: runtime.kind === 'commands' ? { ...runtime, status: redact(runtime.status) } : runtime,
    ...(problem === undefined ? {} : { problem: redact(problem) }),
    ...(unread === undefined ? {} : { unread: redact(unread) }),
  };
}
