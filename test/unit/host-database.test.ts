import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { shells } from '../lab/host-shell.ts';
import { freePort } from '../lab/ports.ts';

const script = readFileSync(resolve(import.meta.dirname, '../../host/database.sh'), 'utf8');
const application = resolve(import.meta.dirname, '../../examples/automated-trading-platform');
const password = 'p%40ss-canary-77';

for (const shell of shells) {
  describe(`the question to the database from inside of a container, under ${shell.name}`, () => {
    const dir = mkdtempSync(join(tmpdir(), 'dbc-database-'));
    after(() => rmSync(dir, { recursive: true, force: true }));

    /** A PATH on which there are only these programs, and the shell's own needs. */
    function only(...programs: string[]): string {
      const bin = mkdtempSync(join(dir, 'bin-'));
      for (const name of [...programs, 'tr', 'tail', 'timeout']) {
        const path = (process.env['PATH'] ?? '')
          .split(delimiter)
          .map((folder) => join(folder, name))
          .find(existsSync);
        assert.ok(path, `${name} is not on this machine`);
        symlinkSync(path, join(bin, name));
      }
      return bin;
    }

    function ask(
      url: string | undefined,
      more: { path?: string; cwd?: string; env?: Record<string, string> } = {},
    ): string {
      const env = { PATH: more.path ?? only('bash'), ...(url === undefined ? {} : { DATABASE_URL: url }), ...more.env };
      const { stdout } = spawnSync(shell.path, ['-s'], {
        ...{ input: script, env, cwd: more.cwd ?? dir, encoding: 'utf8', timeout: 30_000 },
      });
      assert.doesNotMatch(stdout, /canary/);
      return stdout.trim();
    }

    it("is asked with node by the application's own driver, which tells what it is told", async () => {
      const port = await freePort();
      const asked = { path: only('node'), cwd: application };
      assert.match(ask(`postgresql://trader:${password}@127.0.0.1:${port}/atp`, asked), /^failed node: .*ECONNREFUSED/);
      assert.match(
        ask(`postgresql://trader:${password}@no-such-host.invalid/atp`, asked),
        /^failed node: .*(ENOTFOUND|EAI_AGAIN)/,
      );
    });

    it('is asked with python where its driver is, whose words do not carry the URL or the password on', () => {
      mkdirSync(join(dir, 'python'), { recursive: true });
      writeFileSync(
        join(dir, 'python/psycopg2.py'),
        `def connect(url, connect_timeout):\n    raise ValueError('invalid dsn: ' + url + ' p@ss-canary-77\\n(28P01)')\n`,
      );
      const asked = { path: process.env['PATH'] ?? '', env: { PYTHONPATH: join(dir, 'python') } };
      assert.match(
        ask(`postgresql://trader:${password}@db/atp`, asked),
        /^failed python: invalid dsn: \.\.\. \.\.\. \(28P01\)$/,
      );
    });

    it('is no more than a connection where there is no driver', async () => {
      const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
      await new Promise((listening) => server.once('listening', listening));
      const { port } = server.address() as { port: number };
      const closed = await freePort();
      const url = (at: number) => `mysql://trader:${password}@127.0.0.1:${at}/atp?ssl=1`;
      assert.equal(ask(url(port)), 'ok tcp');
      server.close();
      assert.match(ask(url(closed)), new RegExp(`^failed tcp: 127\\.0\\.0\\.1:${closed}: .*refused`));
    });

    it('stays open where nobody can be asked, or there is nothing to ask for', () => {
      assert.match(ask(undefined), /^unknown it has no DATABASE_URL$/);
      assert.match(ask('sqlite:///data/app.db'), /^unknown/);
      assert.match(ask('nonsense'), /^unknown/);
    });
  });
}
