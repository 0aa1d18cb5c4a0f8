/** The look at a new commit's compose files, with the real git and the real Compose. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { resolveScript } from '../../activities/git.ts';
import { composeConfigScript } from '../../activities/preflight/compose-config.ts';
import type { ComposeRuntimeConfig } from '../../src/contracts/target.ts';
import { composeOnly } from '../lab/docker-shim.ts';
import { needs } from '../lab/needs.ts';

const service = (more = ''): string => `services:\n  app:\n    image: busybox\n${more}`;

describe("the check of a commit's compose files", function () {
  this.timeout(60_000);
  needs('compose');
  let root: string;
  let host: string;
  let bin: string;
  let env: Record<string, string>;

  before(async () => {
    bin = mkdtempSync(join(tmpdir(), 'dbc-bin-'));
    env = {
      ...(await composeOnly(bin)),
      ...{ GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' },
      ...{ GIT_AUTHOR_NAME: 'D', GIT_AUTHOR_EMAIL: 'd@e', GIT_COMMITTER_NAME: 'D', GIT_COMMITTER_EMAIL: 'd@e' },
      ...{ GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'protocol.file.allow', GIT_CONFIG_VALUE_0: 'always' },
    };
  });
  after(() => rmSync(bin, { recursive: true, force: true }));

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'dbc-compose-'));
    host = join(root, "the host's $(checkout) [x]");
    mkdirSync(host);
    git('init', '--quiet', '--initial-branch=main');
    commit({ 'docker-compose.yml': service(), 'big.bin': 'x'.repeat(100_000), '.gitignore': '.env*\nlocal/\n' });
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: host, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  const write = (files: Record<string, string>): void => {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(host, name)), { recursive: true });
      writeFileSync(join(host, name), content);
    }
  };
  const commit = (files: Record<string, string>): string => {
    write(files);
    git('add', '--all');
    git('commit', '--quiet', '-m', 'change');
    git('update-ref', 'refs/remotes/origin/main', 'HEAD');
    return git('rev-parse', 'HEAD');
  };
  /** As the remote has it: committed, and not in the checkout any more. */
  const pushed = (files: Record<string, string>): string => {
    const before = git('rev-parse', 'HEAD');
    const sha = commit(files);
    git('reset', '--quiet', '--hard', before);
    return sha;
  };
  /** Everything that must not change. */
  const state = () => [
    ...[git('rev-parse', 'HEAD'), git('status', '--porcelain', '--ignored'), git('for-each-ref')],
    readFileSync(join(host, '.git/index')).toString('base64'),
    readdirSync(host, { recursive: true })
      .filter((name) => !String(name).startsWith('.git/'))
      .join(),
  ];
  /** What Compose said against the commit; undefined: nothing. */
  const check = (sha: string, config: Partial<ComposeRuntimeConfig> = {}): string | undefined => {
    const before = state();
    const runtime = { kind: 'compose' as const, profiles: ['aws'], files: [], pull: 'missing' as const, ...config };
    const repository = { path: host, branch: 'main', remote: 'origin' };
    const { status, stdout, stderr } = spawnSync('bash', ['-s'], {
      cwd: host,
      env,
      input: `${resolveScript(repository, sha)}${composeConfigScript(runtime, { target: 'production', deploy: 'd1' })}`,
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    assert.ok(stdout.startsWith(`sha ${sha}\n`), stdout);
    assert.deepEqual(state(), before, 'the checkout is as it was');
    const leftovers = existsSync(join(host, '.git/deploy-by-commit'))
      ? readdirSync(join(host, '.git/deploy-by-commit'))
      : [];
    assert.deepEqual(leftovers, [], 'nothing is left behind');
    unchecked = stderr.includes('could not be checked');
    const said = /^compose (\S+)$/m.exec(stdout)?.[1];
    return said === undefined ? undefined : Buffer.from(said, 'base64').toString('utf8').trim();
  };
  let unchecked: boolean;
  const passes = (sha: string, config?: Partial<ComposeRuntimeConfig>): void => {
    assert.equal(check(sha, config), undefined);
    assert.equal(unchecked, false);
  };

  it('passes files that Compose takes, and knows the variables that a deploy sets', () => {
    passes(git('rev-parse', 'HEAD'));
    passes(
      pushed({
        'docker-compose.yml': service('    labels: ["c=${DBC_COMMIT:?}", "t=${DBC_TARGET:?}", "d=${DBC_DEPLOY:?}"]\n'),
      }),
    );
  });

  for (const [fault, text, says] of [
    ['no YAML', 'services:\n  app: [\n', /yaml|line 2/i],
    ['an unknown key', service('    imagee: x\n'), /imagee/],
    ['a variable that must be set and is not', service('    user: ${NOT_SET:?set it}\n'), /NOT_SET.*set it/],
    ['a service that depends on none', service('    depends_on: [ghost]\n'), /ghost/],
    ['an env file that is nowhere', service('    env_file: typo.env\n'), /env file typo\.env not found/],
    ['an include that is nowhere', `include: [infra/db.yaml]\n${service()}`, /infra\/db\.yaml: no such file/],
  ] as const) {
    it(`tells of ${fault} in Compose's own words, before anything changes`, () => {
      const said = check(pushed({ 'docker-compose.yml': text })) ?? 'nothing';
      assert.match(said, says);
      assert.doesNotMatch(said, /compose-config\.|level=warning/);
    });
  }

  it('judges with the profiles and files of the target', () => {
    const sha = pushed({
      'deploy/prod.yml': 'services:\n  app:\n    profiles: [aws]\n    image: x\n    env_file: prod.env\n',
      'deploy/prod.env': 'A=1\n',
      'deploy/other.yml': 'services: [\n',
    });
    passes(sha, { files: ['deploy/prod.yml'] });
    assert.match(check(sha, { files: ['deploy/prod.yml', 'deploy/other.yml'] }) ?? '', /yaml|line 1/i);
    assert.match(check(sha, { files: ['deploy/absent.yml'] }) ?? '', /absent\.yml/);
  });

  it('finds what include, extends, env_file, secrets, configs and an override name in the commit', () => {
    const sha = pushed({
      'docker-compose.yml': `include: [infra/db.yaml]\n${service(
        '    extends: { file: common/base.yml, service: base }\n    env_file: [app.env, { path: absent, required: false }]\n    build: { context: ./src }\n    secrets: [key]\n    configs: [conf]\n',
      )}secrets: { key: { file: ./secrets/key } }\nconfigs: { conf: { file: ./conf/app.conf } }\n`,
      'docker-compose.override.yml': 'services:\n  app:\n    user: ${WHO:?}\n',
      'infra/db.yaml': 'services:\n  db:\n    image: postgres\n    env_file: db.env\n',
      'infra/db.env': 'A=1\n',
      'common/base.yml': 'services:\n  base:\n    image: b\n',
      'app.env': 'B=1\n',
    });
    assert.match(check(sha) ?? '', /WHO/);
    write({ '.env': 'WHO=me\n' });
    passes(sha);
  });

  it('takes what lies beside the commit on the host: env files, an override, a folder that git does not know', () => {
    const sha = pushed({
      'docker-compose.yml': service(
        '    env_file: [.env.aws, local/app.conf, settings/local.conf]\n    user: ${WHO:?}\n',
      ),
      'settings/shared.conf': 'A=1\n',
    });
    write({ '.env': 'WHO=me\n', '.env.aws': 'SECRET=1\n', 'local/app.conf': 'A=1\n', 'settings/local.conf': 'A=1\n' });
    write({ 'docker-compose.override.yml': service() });
    passes(sha);
    write({ 'docker-compose.override.yml': 'services: [\n' });
    assert.match(check(sha) ?? '', /override|yaml|line 1/i);
  });

  it('takes the whole tree where a file of another name is needed, and writes through no link', () => {
    const sha = pushed({
      'docker-compose.yml': service('    env_file: [config/app.conf]\n'),
      'config/app.conf': 'A=1\n',
      'data/seed.txt': 'the commit’s\n',
    });
    write({ 'data/mine.txt': 'a person’s\n' });
    passes(sha);
    assert.deepEqual(readdirSync(join(host, 'data')), ['mine.txt']);
  });

  it('says nothing where only the place itself can tell: a file outside the repository, or in a submodule', () => {
    write({ '../shared.env': 'A=1\n' });
    assert.equal(check(pushed({ 'docker-compose.yml': service('    env_file: ../shared.env\n') })), undefined);
    assert.equal(unchecked, true);
    execFileSync('git', ['init', '--quiet', join(root, 'sub')], { env });
    execFileSync('git', ['-C', join(root, 'sub'), 'commit', '--quiet', '--allow-empty', '-m', 'x'], { env });
    const before = git('rev-parse', 'HEAD');
    git('submodule', '--quiet', 'add', join(root, 'sub'), 'lib');
    const sha = commit({ 'docker-compose.yml': service('    env_file: lib/app.conf\n') });
    git('reset', '--quiet', '--hard', before);
    rmSync(join(host, 'lib'), { recursive: true, force: true });
    assert.equal(check(sha), undefined);
    assert.equal(unchecked, true);
  });

  it('does not take the compose file of the checkout for one that the commit has lost', () => {
    const before = git('rev-parse', 'HEAD');
    git('rm', '--quiet', 'docker-compose.yml');
    const sha = commit({});
    git('reset', '--quiet', '--hard', before);
    assert.match(check(sha) ?? '', /no compose file/);
  });

  it('asks nothing about a recorded release, nor about a commit that is not allowed', () => {
    const sha = pushed({ 'docker-compose.yml': 'services: [\n' });
    git('update-ref', `refs/dbc/releases/${sha}`, sha);
    passes(sha);
    git('update-ref', '-d', `refs/dbc/releases/${sha}`);
    git('update-ref', 'refs/remotes/origin/main', 'HEAD');
    passes(sha);
  });

  it('survives hostile names and links in the commit and on the host', () => {
    const outside = join(root, 'outside');
    mkdirSync(outside);
    const names = ['env $(touch pwned)', '-rf.yml', 'quo\'te".yaml', 'new\nline.env', 'dir with env/x.yml'];
    const before = git('rev-parse', 'HEAD');
    symlinkSync(outside, join(host, 'link.env'));
    const sha = commit(Object.fromEntries(names.map((name) => [name, 'a: 1\n'])));
    git('reset', '--quiet', '--hard', before);
    write({ 'link.env/new.yml': 'x\n', 'un\nknown $(touch pwned).env': 'A=1\n' });
    check(sha);
    assert.deepEqual(readdirSync(outside), []);
    assert.ok(!existsSync(join(host, 'pwned')));
  });
});
