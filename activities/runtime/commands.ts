import type { CommandsSnapshot, RuntimeSnapshot } from '../../src/contracts/host.ts';
import type { CommandsRuntimeConfig } from '../../src/contracts/target.ts';
import { DeployError } from '../../src/domain/deploy-error.ts';
import { sayings } from '../../src/domain/said.ts';
import { quote } from '../../src/domain/shell-quote.ts';
import { eraseNote, note } from './note.ts';
import type { Runtime, RuntimeState, StepContext } from './port.ts';

/** Your own scripts, systemd or pm2: hosts without Docker. A command's words are the operator's, run by bash. */
export function commandsRuntime(config: CommandsRuntimeConfig): Runtime {
  const build = (context: StepContext) => (config.build ? `${environment(context)}${run(config.build)}` : ':\n');
  const start = (context: StepContext) => `${environment(context)}${run(config.start)}`;
  const startNew = (context: StepContext) =>
    `${environment(context)}echo yes | ${note(context.deploy, 'started')}\n${run(config.start)}`;
  const startUnlessRunning = (context: StepContext) =>
    `${environment(context)}if ! timeout 30 bash -c ${quote(config.status)} </dev/null; then ${run(config.start)}fi\n`;
  return {
    observe: () => `echo "at the status command"
out=$(timeout 30 bash -c ${quote(config.status)} 2>&1 </dev/null); code=$?
# Whole lines: a part of a secret is not known for one.
[ "\${#out}" -le 4096 ] || { out=\${out: -4096}; out=\${out#*$'\\n'}; }
[ -z "$out" ] || out=$(printf %s "$out" | base64 -w0)
echo "status $code $out"
`,
    parse,
    build,
    start: startNew,
    // Of no one service: all that it runs.
    recover: (_rung, context) => `${environment(context)}export DBC_SERVICE=
${run(config.restart ?? config.start)}`,
    // Nothing keeps the old release's artefacts for us, so they are made again.
    restoreImages: (context) =>
      context.buildAttempted && context.snapshot.kind === 'commands' ? build(context) : ':\n',
    restoreServices: (context) => {
      if (!context.startAttempted) return runningOf(context.snapshot) ? startUnlessRunning(context) : ':\n';
      const back = runningOf(context.snapshot) ? start(context) : `${environment(context)}${run(config.stop)}`;
      return `${back}${eraseNote(context.deploy, 'started')}`;
    },
    renew: (context, services) => {
      if (config.restart === undefined) return start(context);
      const words = services.map(quote).join(' ');
      return `${environment(context)}DBC_SERVICE=${quote(services.join(' '))} bash -c ${quote(config.restart)} restart ${words}\n`;
    },
    judge: (state) => [view(state)],
    judgeRestored: (state, snapshot) => {
      const now = view(state);
      if (runningOf(snapshot)) return [now];
      // Nothing ran before, so nothing must run now.
      return [
        { ...now, healthy: !now.healthy, note: now.healthy ? 'runs, but nothing ran before' : 'stopped, as before' },
      ];
    },
    unchanged: (before, now) => runningOf(before) && runningOf(now),
    keep: () => ':\n',
    pruneReleases: () => ':\n',
    pruneFailed: () => ':\n',
    logs: (service, lines) => {
      if (config.logs === undefined) {
        throw new DeployError('InvalidInput', 'the target has no command that prints its services’ logs', {
          hint: 'Set `commands.logs` in the config: it gets the service as $1 and $DBC_SERVICE.',
        });
      }
      return `set -o pipefail; DBC_SERVICE=${quote(service ?? '')} bash -c ${quote(config.logs)} logs ${quote(service ?? '')} 2>&1 | tail -n ${lines}\n`;
    },
  };
}

const environment = ({ sha, target, deploy }: StepContext): string =>
  `set -euo pipefail
export DBC_COMMIT=${quote(sha)} DBC_TARGET=${quote(target)} DBC_DEPLOY=${quote(deploy)}
`;

const run = (command: string): string => `bash -c ${quote(command)}\n`;

function parse(output: string): RuntimeState {
  const [code = '1', text = ''] = sayings(output)('status')[0]?.split(' ') ?? [];
  const status = Buffer.from(text, 'base64').toString('utf8');
  return { runtime: { kind: 'commands', running: code === '0', status } };
}

const runningOf = (snapshot: RuntimeSnapshot): boolean => snapshot.kind === 'commands' && snapshot.running;

function view({ runtime }: RuntimeState) {
  const { running, status } = runtime as CommandsSnapshot;
  const lines = status.split('\n').filter((line) => line.trim() !== '');
  return {
    service: 'status',
    state: running ? 'running' : 'failed',
    healthy: running,
    note:
      (running ? lines[0] : lines.at(-1))?.slice(0, 160) ?? (running ? 'exit status 0' : 'the status command failed'),
  };
}
