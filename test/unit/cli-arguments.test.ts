import assert from 'node:assert/strict';
import { actor } from '../../src/cli/actor.ts';
import { wholeNumber } from '../../src/cli/flags.ts';
import { timelineLink } from '../../src/domain/timeline-link.ts';
import { dbc, modulesOf } from './dbc-process.ts';

describe('dbc', () => {
  const refused: [what: string, args: string[], says: RegExp][] = [
    ['a commit that is a flag', ['deploy', 'p', '--commit', '--upload-pack=x'], /expected a commit.*"--upload-pack=x"/],
    ['a commit that is a branch', ['deploy', 'p', '--commit', 'main'], /expected a commit/],
    ['a plan of what is no commit', ['plan', 'p', '--commit', 'main'], /expected a commit/],
    ['a restart of what is no service', ['restart', 'p', '--', '-a'], /expected a service/],
    ['a lock without a reason', ['lock', 'p'], /required option '--reason <text>' not specified/],
    ['a lock with an empty reason', ['lock', 'p', '--reason', ' '], /expected --reason to say why/],
    ['a lock but for a short SHA', ['lock', 'p', '--reason', 'x', '--allow', 'abcd'], /expected a full commit SHA/],
    ['a restart of nothing', ['restart', 'p'], /missing required argument 'service'/],
    ['a target that is no name', ['deploy', '../etc'], /expected a target name/],
    ['a rollback to something else than a SHA', ['rollback', 'p', 'HEAD~1'], /expected a commit/],
    [
      '--config for a command that talks to Temporal only',
      ['deploy', 'p', '--config', 'x'],
      /the worker reads its own/,
    ],
    ['--config for a question', ['health', 'p', '--config', 'x.yaml'], /--config is refused here/],
    ['--embedded with --detach', ['deploy', 'p', '--embedded', '--detach'], /makes no sense with --embedded/],
    ['--embedded with --on-interrupt detach', ['rollback', 'p', '--embedded', '--on-interrupt', 'detach'], /no sense/],
    ['an unknown choice of --if-busy', ['deploy', 'p', '--if-busy', 'maybe'], /Allowed choices are fail, wait, abort/],
    ['an unknown flag', ['deploy', 'p', '--comit', 'abcd'], /Did you mean --commit/],
    ['an unknown command', ['deplyo'], /Did you mean deploy/],
    ['a missing target', ['deploy'], /missing required argument 'target'/],
    ['a service that is a flag', ['logs', 'p', '--', '--follow'], /expected a service/],
    ['a tail that is no number', ['logs', 'p', 'db', '--tail', '-1'], /expected --tail to be a whole number/],
    [
      'a health address that is only a port',
      ['serve', '--config', 'examples/automated-trading-platform/deploy.yaml', '--listen', '8234'],
      /expected --listen to be an address and a port; found "8234"/,
    ],
    [
      'the same under the former name of the flag',
      ['serve', '--config', 'examples/automated-trading-platform/deploy.yaml', '--health-address', '8234'],
      /expected --listen to be an address and a port; found "8234"/,
    ],
    ['an address to answer at for --dev', ['serve', '--dev', '--listen', '[::1]:8234'], /cannot be used with/],
    ['an unknown format of the log', ['serve', '--log-format', 'xml'], /Allowed choices are text, json/],
    ['a config file that is not there', ['config', '--config', '/no/such/file'], /expected a config file at/],
    ['a format that no report has', ['report', 'p', '--format', 'pdf'], /Allowed choices are markdown, json, html/],
    ['no command at all', [], /Usage: dbc/],
  ];
  for (const [what, args, says] of refused) {
    it(`refuses ${what} with exit code 2, on stderr, before it connects to anything`, async () => {
      const { code, stdout, stderr } = await dbc(args);
      assert.match(stderr, says);
      assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
    });
  }

  it('tells an error as one JSON document too', async () => {
    const { code, stdout } = await dbc(['deploy', 'p', '--commit', 'x', '--json']);
    const { event, type, exitCode } = JSON.parse(stdout);
    assert.deepEqual({ code, event, type, exitCode }, { code: 2, event: 'error', type: 'InvalidInput', exitCode: 2 });
  });

  it('prints no escapes where nobody can see colours', async () => {
    const { stderr } = await dbc(['deploy', 'p', '--commit', 'x'], { NO_COLOR: undefined, FORCE_COLOR: undefined });
    assert.ok(!stderr.includes('\u001b'), stderr);
  });
});

describe('dbc --help', () => {
  it('names every command and every exit code', async () => {
    const { code, stdout } = await dbc(['--help']);
    assert.equal(code, 0);
    assert.match(stdout, /deploy TARGET[\s\S]*config \[TARGET\][\s\S]*Exit codes/);
  });

  it('loads no Temporal, no schema and no YAML package', async () => {
    assert.deepEqual(packagesOf(await modulesOf(['--help'])), ['@commander-js/extra-typings', 'picocolors']);
  });

  it('is told apart by a spy that sees what other commands load', async () => {
    const loaded = packagesOf(await modulesOf(['config', '--config', '/no/such/file']));
    assert.ok(loaded.includes('zod') && loaded.includes('yaml'), `${loaded}`);
  });
});

/** The packages that our own modules loaded; what a package loads itself is its own business. */
function packagesOf(urls: string[]): string[] {
  const names = urls.flatMap((url) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []);
  return [...new Set(names)].sort();
}

describe('the actor', () => {
  it('is the user of the CI, else the login and the machine', () => {
    assert.equal(actor({ GITHUB_ACTOR: 'octocat', USER: 'runner' }), 'octocat');
    assert.match(actor({ USER: 'alice' }), /^alice@./);
    assert.match(actor({}), /.@./);
  });

  it('holds nothing that a terminal or a shell would act on', () => {
    assert.equal(actor({ GITHUB_ACTOR: 'a\u001b[31m b\n' }), 'a[31mb');
  });
});

describe('the link to Temporal', () => {
  it('encodes the workflow ID, whose slash would be a path', () => {
    const link = timelineLink('http://ui:8233/', 'default', { workflowId: 'deploy/production', runId: 'r1' });
    assert.equal(link, 'http://ui:8233/namespaces/default/workflows/deploy%2Fproduction/r1/timeline');
  });

  it('is left out when nobody told where the UI is', () => {
    assert.equal(timelineLink(undefined, 'default', { workflowId: 'w', runId: 'r' }), undefined);
  });
});

describe('a number on the command line', () => {
  it('is whole and within its range', () => {
    assert.equal(wholeNumber('--tail', '100', 1, 1000), 100);
    for (const text of ['0', '1001', '1.5', '1e2', '', ' 5', '-5']) {
      assert.throws(() => wholeNumber('--tail', text, 1, 1000), /expected --tail to be a whole number from 1 to 1000/);
    }
  });
});
