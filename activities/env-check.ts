import type { HostTask } from '../src/contracts/activities.ts';
import type { EnvReport } from '../src/contracts/preflight.ts';
import { DeployError } from '../src/domain/deploy-error.ts';
import { envReport, referencedVariables } from '../src/domain/env-report.ts';
import { sayings } from '../src/domain/said.ts';
import { quote, quoteAll } from '../src/domain/shell-quote.ts';
import type { Deps } from './deps.ts';
import { composeWords } from './runtime/compose.ts';

/**
 * What is set in a host's env file. Of the values, which every call brings so that they can be redacted, nothing leaves
 * the worker; of Compose's own environment they do not even leave the host.
 *
 * @throws DeployError InvalidInput when the target has no env file
 */
export async function checkEnv({ program, secrets }: Deps, task: HostTask, signal: AbortSignal): Promise<EnvReport> {
  const { env, runtime } = task.target;
  if (env === undefined) {
    throw new DeployError('InvalidInput', `the target ${task.target.name} has no env file to check`, {
      hint: 'Set `env.file` and `env.required` in the config.',
    });
  }
  const compose = runtime.kind === 'compose' ? quoteAll(composeWords(runtime, undefined)) : ':';
  // Of a value of several lines, the further ones may hold a `=` too: what is not a name is left out.
  const script = `[ -e ${quote(env.file)} ] && echo "there 1"
if table=$(timeout 20 ${compose} config --variables 2>/dev/null); then
  echo "variables $(printf '%s' "$table" | base64 -w0)"
  timeout 20 ${compose} config --environment 2>/dev/null | sed -n 's/^\\([A-Za-z_][A-Za-z0-9_]*\\)=.*/environment \\1/p'
fi
`;
  const { output } = await program.call(task, {
    operation: 'read',
    args: [60, script],
    timeoutMs: 70_000,
    raw: true,
    signal,
  });
  const said = sayings(output);
  const file = secrets.envOf(task);
  if (file === undefined) {
    const problem =
      said('there').length > 0
        ? `${env.file} cannot be read by ${task.host.user}`
        : `${env.file} is missing in ${task.target.repository.path}`;
    return { file: env.file, problem, refused: [], required: [], conditions: [], duplicates: [] };
  }
  const [table] = said('variables');
  const report = envReport(file.text, env);
  if (!table) return report;
  const text = Buffer.from(table, 'base64').toString('utf8');
  return { ...report, referenced: referencedVariables(text, new Set(said('environment'))) };
}
