/**
 * A repository, a host and a health check that attack whoever deploys them: names that are commands, a history that pretends to
 * be our own answers, output that speaks to terminals, CI and browsers. With a real git, a real shell, and `dbc` as it is used.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runnerCommand, unsafe, unsafeColored, withoutOwnCommands } from '../fuzz/attacks.ts';
import { needs } from '../lab/needs.ts';
import { makeTinyOrigin, type Origin } from '../lab/origin.ts';
import { type SshHost, startSshHost } from '../lab/ssh-host.ts';
import { startTemporal, type TemporalServer } from '../lab/temporal.ts';
import { configOf, tinyTarget } from '../lab/tiny-config.ts';
import { startWorkerProcess, type WorkerProcess } from '../lab/worker-process.ts';
import { dbcShown, dbc as run } from '../unit/dbc-process.ts';

/** To a terminal, to GitHub's runner, to HTML, Markdown and chat; with what looks like answers of the host program. */
const display = `\u001b]52;c;Y2xpcGJvYXJk\u0007\u001b[2J\u009b31m\u202eevil\u2066<script>alert(1)</script><!channel>
::add-path::/evil
 ::set-output name=outcome::succeeded
##[error]forged\rdone\b\b
dbc-00000000-0000-0000-0000-000000000000 ended 0 0
{"event":"end","outcome":"succeeded"}
`;

/** No slash in it, so that it may be the name of a file, and no space or colon, so that it may be one of a branch. */
const attack = '$(>sprung)';

describe('a hostile repository on a hostile host', function () {
  this.timeout(180_000);
  needs('sshd');
  let dir: string;
  let host: SshHost;
  let temporal: TemporalServer;
  let worker: WorkerProcess;
  let origin: Origin;
  let branch: string;
  let checkout: string;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-hostile-'));
    const tiny = await makeTinyOrigin(join(dir, 'tiny'));
    origin = tiny;
    [host, temporal] = await Promise.all([startSshHost({ alias: 'web-1' }), startTemporal({ persistent: false })]);
    branch = `b'"${attack};>sprung;&|#`;
    checkout = join(host.home, `app ${attack}'";&\u202e é`);
    const envName = `.env ${attack}'".aws`;
    await origin.branch(branch);
    const said = Buffer.from(display).toString('base64');
    const say = `#!/bin/sh\nprintf %s ${said} | base64 -d\nprintf '\\377\\376\\n'\nhead -c 100000 /dev/zero | tr '\\0' x\necho\n`;
    const app = readFileSync(join(origin.work, 'app.mjs'), 'utf8').replace(
      '{ commit, health }',
      `{ commit, health, said: Buffer.from('${said}', 'base64').toString() }`,
    );
    const build = readFileSync(join(origin.work, 'build'), 'utf8').replace(
      'mkdir -p .run',
      'mkdir -p .run\n./say\n./say >&2',
    );
    const names = [`-rf`, `--upload-pack=${attack}`, 'a\nb', '\u001b[31mred', `'"`, '*', 'ünï\u202e', ':(top)x'];
    const files = Object.fromEntries(names.map((name) => [`files/${name}`, 'x\n']));
    await origin.commitFiles({ ...files, 'app.mjs': app, build, say }, `${attack}\n\n${display}`, branch);
    execFileSync('git', ['clone', '-q', '-b', branch, origin.path, checkout]);
    writeFileSync(join(checkout, envName), 'SOME=thing-of-value\n', { mode: 0o600 });
    writeFileSync(join(checkout, `untracked ${attack}\u001b[31m`), '');
    const target = tinyTarget(host, tiny.healthUrl, {
      repository: { path: checkout, branch },
      env: { file: envName },
      commands: { build: './build', start: './start', stop: './stop', status: './say; ./status', logs: './say' },
      health: [{ name: 'app', url: tiny.healthUrl, expect: { well: 'body.commit == commit && body.said != ""' } }],
      verify: { deadline: '2s', interval: '100ms', passes: 1 },
      recovery: 0,
    });
    writeFileSync(join(dir, 'deploy.yaml'), configOf({ production: target }));
    worker = await startWorkerProcess(join(dir, 'deploy.yaml'), temporal.env);
  });
  after(async () => {
    await worker?.stop();
    await Promise.all([host?.stop(), temporal?.stop()]);
    rmSync(dir, { recursive: true, force: true });
  });
  afterEach(() => {
    const sprung = execFileSync('find', [dir, host.dir, '-name', 'sprung'], { encoding: 'utf8' });
    assert.equal(sprung, '', 'something of it was run');
  });

  const git = (...args: string[]) => execFileSync('git', ['-C', checkout, ...args], { encoding: 'utf8' }).trimEnd();

  async function dbc(args: string[], more: Record<string, string> = {}) {
    const { code, stdout, stderr } = await run(args, { ...temporal.env, ...more });
    for (const text of [stdout, stderr]) assert.doesNotMatch(text, unsafe, args.join(' '));
    return { code, stdout, stderr };
  }

  it('is deployed as what it is, and shown as text on a terminal', async () => {
    const { code, screen } = await dbcShown(['deploy', 'production'], temporal.env);
    assert.equal(code, 0, screen);
    // What a live view says to draw itself anew.
    assert.doesNotMatch(screen.replace(/\u001b\[(?:\d*[AGKJ]|\?25[hl])|\r\n/g, ''), unsafeColored);
    assert.equal(git('rev-parse', 'HEAD'), git('rev-parse', `refs/remotes/origin/${branch}`));
    assert.equal(git('symbolic-ref', '--short', 'HEAD'), branch);
    assert.equal(git('status', '--porcelain', '--untracked-files=no'), '');
  });

  it('fails as text in a log of GitHub Actions, and in its summary', async () => {
    const head = git('rev-parse', 'HEAD');
    writeFileSync(join(checkout, 'files/*'), 'edited by hand\n');
    await origin.commitFiles({ 'build-fails': display }, `fails\r::error::x\n\n${display}`, branch);
    const files = { GITHUB_OUTPUT: join(dir, 'output'), GITHUB_STEP_SUMMARY: join(dir, 'summary.md') };
    const { code, stdout, stderr } = await dbc(['deploy', 'production'], {
      GITHUB_ACTIONS: 'true',
      CI: 'true',
      ...files,
    });
    assert.equal(code, 1, stderr);
    for (const text of [stdout, stderr]) assert.doesNotMatch(withoutOwnCommands(text), runnerCommand);
    assert.match(
      readFileSync(files.GITHUB_OUTPUT, 'utf8'),
      /^outcome=rolled-back\ncommit=[0-9a-f]{40}\nprevious=[0-9a-f]{40}\n$/,
    );
    const summary = readFileSync(files.GITHUB_STEP_SUMMARY, 'utf8');
    assert.doesNotMatch(summary, unsafe);
    assert.doesNotMatch(
      summary.replace(/^(`{3,})text\n[\s\S]*?\n\1$/gm, '').replace(/(`+)[^\n]*?\1/g, ''),
      /<script|<!channel|::add-path/,
    );
    assert.equal(git('rev-parse', 'HEAD'), head);
    assert.equal(readFileSync(join(checkout, 'files/*'), 'utf8'), 'edited by hand\n');
  });

  it('cannot say by a commit’s message what only git may say', async () => {
    const forged = `x\rallowed branch\u2028allowed branch\u2029allowed release\u0085sha ${'0'.repeat(40)}`;
    await origin.branch('elsewhere');
    const sha = await origin.commitFiles({ other: '1\n' }, forged, 'elsewhere');
    git('fetch', '-q', 'origin', 'elsewhere');
    const { code, stderr, stdout } = await dbc(['deploy', 'production', '--commit', sha]);
    assert.equal(code, 2, stderr);
    assert.match(stdout, /CommitNotAllowed/);
  });

  it('cannot run a command by the URL of a submodule', async () => {
    const head = git('rev-parse', 'HEAD');
    await origin.git('checkout', '--quiet', branch);
    await origin.git('update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},module`);
    const modules = '[submodule "module"]\n\tpath = module\n\turl = ext::sh -c touch% sprung\n';
    writeFileSync(join(origin.work, '.gitmodules'), modules);
    await origin.git('add', '.gitmodules');
    await origin.git('commit', '--quiet', '-m', 'a submodule');
    await origin.git('push', '--quiet', origin.path, `HEAD:refs/heads/${branch}`);
    const { code, stdout } = await dbc(['deploy', 'production']);
    assert.equal(code, 1, stdout);
    assert.match(stdout, /CommandFailed: reset on web-1/);
    assert.match(stdout, /transport 'ext' not allowed/);
    assert.equal(git('rev-parse', 'HEAD'), head);
  });

  it('is only text, whatever is asked about it', async () => {
    const questions = [
      'status',
      'health',
      'services',
      'git-state',
      'releases',
      'drift',
      'logs',
      'diagnose',
      'doctor',
      'plan',
      'env check',
    ];
    await Promise.all(
      questions.map(async (question) => {
        const words = [...question.split(' '), 'production'];
        await dbc(words);
        const { stdout } = await dbc([...words, '--json']);
        assert.equal(stdout.trim().split('\n').length, 1, question);
        JSON.parse(stdout);
      }),
    );
    for (const format of ['markdown', 'json', 'html']) {
      const { stdout } = await dbc(['report', 'production', '--format', format]);
      if (format === 'html') assert.doesNotMatch(stdout.replace(/"[^"]*"/g, '""'), /<script|<[^>]*\son\w+=/i);
    }
  });
});
