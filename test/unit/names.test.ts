import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import * as names from '../../src/domain/names.ts';

const accepts = (check: (value: string) => string, ...values: string[]): void => {
  for (const value of values) assert.equal(check(value), value);
};
const refuses = (check: (value: string) => string, ...values: string[]): void => {
  for (const value of values) assert.throws(() => check(value), { type: 'InvalidInput' }, JSON.stringify(value));
};

describe('names', () => {
  it('says what was expected and what was found', () => {
    assert.throws(() => names.targetName('Prod 1'), {
      type: 'InvalidInput',
      message: 'expected a target name: a-z, 0-9 and -, not starting with -, at most 63; found "Prod 1"',
    });
  });

  it('judges branches as git does', () => {
    const part = fc.constantFrom(
      'a',
      'main',
      '.',
      '..',
      '/',
      '-',
      '@',
      '{',
      '@{',
      '~',
      '^',
      ':',
      '?',
      '*',
      '[',
      '\\',
      ' ',
      '.lock',
      '\x7f',
      'é',
      'HEAD',
      '\n',
    );
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
        const name = parts.join('');
        const git = spawnSync('git', ['check-ref-format', `refs/heads/${name}`]).status === 0;
        const wanted = git && !name.startsWith('-') && name !== 'HEAD' && name !== '@';
        assert.equal(names.nameRules.branch.fits(name), wanted, JSON.stringify(name));
      }),
      { numRuns: 300 },
    );
  });

  it('never lets a branch begin with a dash', () => {
    accepts(names.branchName, 'main', 'release/1.2', 'feature/-x', 'dépløy');
    refuses(names.branchName, '-main', '--upload-pack=x', '', 'HEAD', 'a b', 'a..b', 'a.lock/b', '/a', 'a/');
  });

  it('takes full SHAs of 40 or 64 digits and short ones of 4 to 40', () => {
    const full = 'fd44bca06e6ff0ddd3147a46aaa6e89b06a6f580';
    accepts(names.fullSha, full, 'a'.repeat(64));
    refuses(names.fullSha, 'fd44bca', 'g'.repeat(40), '', 'a'.repeat(41));
    accepts(names.commitSha, full, 'fd44', 'fd44bca', 'a'.repeat(64));
    refuses(names.commitSha, 'fd4', 'HEAD', 'main', `${full}\n`, '--all', 'a'.repeat(50));
    assert.equal(names.commitSha('FD44BCA'), 'fd44bca');
  });

  it('keeps paths inside the repository', () => {
    accepts(names.relativePath, '.env.aws', 'deploy/compose.yaml', 'a..b/c', 'with space');
    refuses(names.relativePath, '', '/etc/passwd', '../x', 'a/../../x', 'a/..', '-f', 'a\nb', 'a\0');
    accepts(names.absolutePath, '/home/ubuntu/app', '/srv/my app');
    refuses(names.absolutePath, 'home', '~/app', '/home/../etc', '/a\nb', '');
  });

  it('refuses services, projects, aliases and remotes that could be options or more than a word', () => {
    accepts(names.serviceName, 'backend-aws', 'db', 'a.b_c', '_x');
    refuses(names.serviceName, '-v', '', 'a b', 'a;b', '$(x)');
    accepts(names.projectName, 'automated-trading-platform', '1_a');
    refuses(names.projectName, 'Shop', '_a', '-a', '');
    accepts(names.hostAlias, 'web-1', '10-0-0-1');
    refuses(names.hostAlias, 'web_1', '-a', 'Web', 'a'.repeat(64));
    accepts(names.remoteName, 'origin');
    refuses(names.remoteName, '-o', '--upload-pack', 'a b', '');
  });
});
