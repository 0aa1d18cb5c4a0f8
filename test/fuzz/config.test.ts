/** `deploy.yaml` as an attacker writes it: what of it is refused is said plainly, and what is taken is only ever a value. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { collectScript } from '../../activities/collect.ts';
import { runtimeFor } from '../../activities/deps.ts';
import { releasesScript } from '../../activities/git.ts';
import { hookJob } from '../../activities/hook.ts';
import { inspectReading } from '../../activities/inspect.ts';
import { readingScript } from '../../activities/observe.ts';
import { type Ahead, restoreAhead, stepsAhead } from '../../activities/plan-steps.ts';
import { parseConfig, resolveTarget } from '../../src/config/load.ts';
import type { LeasedTask } from '../../src/contracts/activities.ts';
import type { RuntimeSnapshot, Snapshot } from '../../src/contracts/host.ts';
import type { TargetConfig } from '../../src/contracts/target.ts';
import { DeployError } from '../../src/domain/deploy-error.ts';
import { quote } from '../../src/domain/shell-quote.ts';
import { anyText, displayAttacks, fuzzRuns, optionAttacks, shellAttacks, unsafe } from './attacks.ts';
import { configFields, type Field, fileWith } from './config-fields.ts';
import { deployOfTrap, ShellTrap } from './shell-trap.ts';

const [oldSha, newSha] = ['fd44bca06e6ff0ddd3147a46aaa6e89b06a6f580', 'abc1234567890abcdef1234567890abcdef12345'];
/** An attack is tried as it is, and behind what makes a good value of the field. */
const beginnings = [
  '',
  'x',
  '/srv/x',
  'http://127.0.0.1:1/',
  'https://github.com/acme/',
  'acme/',
  'ubuntu@127.0.0.1',
  '5 4 * * ',
];

describe('hostile text in deploy.yaml', function () {
  this.timeout(3_600_000);
  const fields = configFields();
  const trap = new ShellTrap();
  const counts = { refused: 0, taken: 0, scripts: 0 };
  after(() => {
    trap.remove();
    console.log(
      `      fuzz: ${fields.length} fields of deploy.yaml, ${counts.refused} texts refused, ${counts.taken} taken, which made ${counts.scripts} scripts`,
    );
  });

  const attacks = [...shellAttacks(trap.file), ...optionAttacks(trap.file), ...displayAttacks];

  for (const field of fields) {
    it(`is a value or an error at ${nameOf(field)}`, () => {
      const taken = new Map<string, TargetConfig>();
      const attempt = (value: string): void => {
        const target = targetWith(field, value);
        if (target === undefined) counts.refused++;
        else taken.set(value, target);
      };
      const fitting = ['', ...beginnings.filter((beginning) => targetWith(field, `${beginning}a`) !== undefined)];
      for (const attack of attacks) for (const beginning of fitting) attempt(`${beginning}${attack}`);
      fc.assert(
        fc.property(fc.constantFrom(...fitting), anyText, (beginning, text) => attempt(beginning + text)),
        { numRuns: fuzzRuns },
      );
      counts.taken += taken.size;
      runAll(field, taken);
    });
  }

  function targetWith(field: Field, value: string): TargetConfig | undefined {
    try {
      const config = parseConfig(Buffer.from(JSON.stringify(fileWith(field, value))), 'deploy.yaml');
      const [name = ''] = Object.keys(config.targets);
      return resolveTarget(config, name, { NAME: '127.0.0.1' });
    } catch (error) {
      if (!(error instanceof DeployError)) throw error;
      assert.equal(error.type, 'InvalidInput');
      assert.match(error.message, /^deploy\.yaml(:\d+:\d+| has \d+ errors|: targets)/);
      assert.doesNotMatch(error.message, unsafe);
      for (const line of error.message.split('\n')) assert.match(line, /^deploy\.yaml[: ]/, 'no line of its own');
      return undefined;
    }
  }

  /** All of them in one shell; where something is wrong, one after the other, to name the one. */
  function runAll(field: Field, taken: ReadonlyMap<string, TargetConfig>): void {
    // Each is a shell that calls a hundred programs.
    const some = evenly([...taken], fuzzRuns / 3);
    const scripts = new Map(some.map(([value, target]) => [value, scriptsOf(target)]));
    const all = new Set([...scripts.values()].flat());
    const noted = trap.run([...all]);
    counts.scripts += all.size;
    if (trap.sprung) {
      const sprung = [...scripts].find(([, own]) => {
        trap.run(own);
        return trap.sprung;
      })?.[0];
      assert.fail(`${nameOf(field)} = ${JSON.stringify(sprung)} was run by a shell`);
    }
    for (const given of noted.filter((each) => each.startsWith('curl: '))) {
      // Nothing at all where the script was at its end before.
      assert.match(given, /^curl: (?:url = "[^\n]*"\n)?$/, `curl reads more than one URL: ${JSON.stringify(given)}`);
    }
    for (const [value, own] of scripts) {
      // On the ways that no run takes, too: of a quoted text no apostrophe stays what it was.
      const bare = /^[^'\\]+'[^'\\]/.test(value) && own.find((script) => script.includes(value));
      assert.ok(!bare, `${nameOf(field)} = ${JSON.stringify(value)} is not quoted in ${bare}`);
      if (quote(value) === value || isWords(field) || !own.some((script) => script.includes(quote(value)))) continue;
      assert.ok(
        noted.some((given) => given.includes(value)),
        `${nameOf(field)} = ${JSON.stringify(value)} was changed`,
      );
    }
  }

  /** Commands are the operator's own words: bash gets them as they are, which the notes of `bash -c` show. */
  const isWords = (field: Field): boolean => field.includes('commands') || field.includes('hooks');
});

function nameOf(field: Field): string {
  return field.filter((step) => !step.startsWith('|')).join('.');
}

/** So many of them, from the beginning to the end. */
const evenly = <T>(all: readonly T[], most: number): T[] =>
  all.filter((_, index) => Math.floor((index * most) / all.length) !== Math.floor(((index - 1) * most) / all.length));

/** Every script that is ever made of a target. */
function scriptsOf(target: TargetConfig): string[] {
  const [host] = target.hosts;
  assert.ok(host);
  const task: LeasedTask = { target, host, deploy: deployOfTrap, number: 1 };
  const compose: RuntimeSnapshot = {
    kind: 'compose',
    project: 'app',
    containers: [
      {
        id: 'c1',
        name: 'app-web-1',
        service: 'web',
        imageId: 'sha256:1',
        state: 'running',
        health: '',
        exitCode: 0,
        restarts: 0,
        upSeconds: 9,
      },
    ],
    images: [{ service: 'web', name: 'app-web', id: 'sha256:2' }],
  };
  const snapshot: Snapshot = {
    ...{ deploy: task.deploy, sha: oldSha, branch: target.repository.branch, branchSha: oldSha },
    ...{ manualChanges: [], untracked: [], baseline: [], bootId: 'boot' },
    runtime: target.runtime.kind === 'compose' ? compose : { kind: 'commands', running: true, status: '' },
  };
  const state = { snapshots: new Map(), releases: [], quarantined: new Map(), envChanges: [] };
  const ahead: Ahead = { task, sha: newSha, commit: newSha, snapshot, images: [], state, intact: false };
  const runtime = runtimeFor(target.runtime);
  const steps = [...stepsAhead(ahead), ...restoreAhead(ahead)].flatMap(({ commands }) => commands);
  const hooks = (['before', 'after', 'beforeRollback'] as const)
    .filter((name) => target.hooks?.[name])
    .map((name) => hookJob({ ...task, name, sha: newSha, previous: oldSha, snapshot }).script);
  const logs = target.runtime.kind === 'commands' && !target.runtime.logs ? [] : [runtime.logs('web', 10)];
  return [
    ...steps.map(({ script }) => script),
    ...hooks,
    ...logs,
    readingScript(runtime, task, inspectReading(task, true)),
    collectScript(task, runtime, 'app'),
    releasesScript,
  ];
}
