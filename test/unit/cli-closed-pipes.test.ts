import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { surviveClosedPipes } from '../../src/cli/terminal.ts';

/** Two streams as a process has them, and what was written to the second. */
function streams() {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  surviveClosedPipes({ stdout, stderr } as unknown as Pick<NodeJS.Process, 'stdout' | 'stderr'>);
  return { stdout, stderr, said: () => String(stderr.read() ?? '') };
}

const failing = (code: string) => Object.assign(new Error(`write ${code}`), { code });

describe('output that cannot be written', () => {
  for (const code of ['EPIPE', 'EIO', 'ECONNRESET']) {
    it(`is dropped when its reader is gone (${code})`, () => {
      const { stdout, stderr, said } = streams();
      stdout.emit('error', failing(code));
      stderr.emit('error', failing(code));
      assert.equal(said(), '');
    });
  }

  it('is told of once when there is another reason, and the work goes on', () => {
    const { stdout, stderr, said } = streams();
    stdout.emit('error', failing('ENOSPC'));
    stdout.emit('error', failing('ENOSPC'));
    assert.equal(said(), 'What is still to say cannot be written to standard output: write ENOSPC\n');
    stderr.emit('error', failing('ENOSPC'));
    assert.equal(said(), '');
  });
});
