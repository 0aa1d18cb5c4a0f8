/** The unit file as systemd reads it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { needs } from '../lab/needs.ts';
import { root } from '../lab/program.ts';

describe('examples/systemd/dbc-worker.service', () => {
  needs('systemd');
  let dir: string;
  let unit: string;

  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-systemd-'));
    unit = join(dir, 'dbc-worker.service');
    const text = readFileSync(join(root, 'examples/systemd/dbc-worker.service'), 'utf8');
    // systemd looks for the program, and here dbc is not installed.
    assert.ok(text.includes('ExecStart=/usr/local/bin/dbc '));
    writeFileSync(unit, text.replace('/usr/local/bin/dbc', process.execPath));
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  const analyze = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync('systemd-analyze', [...args, unit], { encoding: 'utf8' });
    return { status, said: `${stdout}${stderr}` };
  };

  it('is understood, every line of it', () => {
    assert.deepEqual(analyze('verify'), { status: 0, said: '' });
  });

  it('keeps the worker from nearly everything that it does not need', () => {
    // Of 10, which is no protection at all; what is left are mostly its ways to the network.
    const { status, said } = analyze('security', '--no-pager', '--offline=true', '--threshold=20');
    assert.equal(status, 0, said);
  });
});
