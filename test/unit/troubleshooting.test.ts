/** docs/troubleshooting.md has an entry for every type of error, and every error's text leads to it. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pc from 'picocolors';
import { troubleshootingEntries } from '../../src/cli/commands/explain.ts';
import { commandFailure, failureLines } from '../../src/cli/failure.ts';
import { NoDeploy, SetupMissing, TargetBusy, TemporalUnavailable } from '../../src/client/errors.ts';
import { ErrorType } from '../../src/contracts/errors.ts';
import { DeployError } from '../../src/domain/deploy-error.ts';
import { view } from './cli-views.ts';
import { dbc } from './dbc-process.ts';

const root = join(import.meta.dirname, '../..');
const entries = troubleshootingEntries();

const sources = ['src', 'activities', 'workflows', 'worker'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(root, folder, name), 'utf8')),
);

/** Each way in which a command can fail, as it is thrown. */
const thrown: unknown[] = [
  ...Object.values(ErrorType).map((type) => new DeployError(type, 'found this', { hint: 'do that' })),
  new TemporalUnavailable('nobody answers', 'start it'),
  new SetupMissing('default', undefined),
  new TargetBusy({ view: view() } as TargetBusy['running']),
  new NoDeploy('there is none'),
  new Error('a fault of ours'),
];

describe('the troubleshooting page', () => {
  for (const error of thrown) {
    const failure = commandFailure(error);
    it(`has an entry for ${failure.type}, to which the text of such an error leads`, () => {
      const text = failureLines(failure, pc.createColors(false)).join('\n');
      assert.match(text, new RegExp(`^  More: dbc explain ${failure.type}$`, 'm'));
      assert.ok((entries.get(failure.type) ?? '').length > 100, `no entry of some substance for ${failure.type}`);
    });
  }

  it('has no entry for what is no error', () => {
    assert.deepEqual([...entries.keys()].sort(), thrown.map((error) => commandFailure(error).type).sort());
  });

  it('says for every type that has an exit code of its own which', () => {
    const codes = thrown.map(commandFailure).filter(({ exitCode }) => exitCode !== 1);
    assert.ok(codes.length >= 7);
    for (const { type, exitCode } of codes) {
      assert.match(`${entries.get(type)}`.replaceAll('\n', ' '), new RegExp(`exit code ${exitCode}`, 'i'), type);
    }
  });

  it('names only messages that the code can say', () => {
    const quoted = [...entries.values()].flatMap((text) =>
      [...text.matchAll(/(?<!\*)\*([^*]+)\*(?!\*)/g)].map(([, words = '']) => words.replaceAll('\n', ' ')),
    );
    assert.ok(quoted.length > 10, `${quoted.length}`);
    for (const words of quoted)
      assert.ok(
        sources.some((text) => text.includes(words)),
        `nothing says "${words}"`,
      );
  });

  it('is what dbc explain prints, a type in any case', async () => {
    const { code, stdout } = await dbc(['explain', 'hostbusy']);
    assert.equal(code, 0);
    assert.match(stdout, /^HostBusy\n\nSomebody else holds the host/);
    assert.doesNotMatch(stdout, /\*\*|```/);
    const all = await dbc(['explain', '--json']);
    assert.deepEqual(JSON.parse(all.stdout), { types: [...entries.keys()] });
  });

  it('is not made up for a type that is not there', async () => {
    const { code, stderr } = await dbc(['explain', 'HostLazy']);
    assert.equal(code, 2);
    assert.match(stderr, /expected a type of error, found "HostLazy"\n {2}What to do: There are: SshUnavailable, /);
  });
});
