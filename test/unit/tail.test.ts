import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Tail, tailOf } from '../../src/domain/tail.ts';

const pushed = (limit: number, ...chunks: (Uint8Array | string)[]): Tail => {
  const tail = new Tail(limit);
  for (const chunk of chunks) tail.push(chunk);
  return tail;
};

describe('Tail', () => {
  it('keeps a short stream as it is', () => {
    assert.equal(pushed(10, 'ab\n', 'cd').toString(), 'ab\ncd');
    assert.equal(pushed(10, '0123456789').truncated, false);
  });

  it('begins with the start of a line', () => {
    assert.equal(pushed(8, 'first line\nsecond\nthird\n').toString(), 'third\n');
    assert.equal(pushed(6, 'ab\n', 'third\n').toString(), 'third\n');
    assert.equal(pushed(6, 'ab\n', 'third\n').truncated, true);
  });

  it('cuts a single long line rather than losing it', () => {
    assert.equal(pushed(4, '0123456789').toString(), '6789');
    assert.equal(pushed(4, '0123456789\n').toString(), '789\n');
  });

  it('never cuts within a character, and never keeps more than its limit', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.constant('a\n'))),
        fc.integer({ min: 1, max: 40 }),
        (chunks, limit) => {
          const text = chunks.join('');
          const kept = pushed(limit, ...chunks).toString();
          assert.ok(text.endsWith(kept));
          assert.ok(Buffer.byteLength(kept) <= limit);
          assert.equal(kept, tailOf(text, limit));
        },
      ),
    );
  });

  it('holds its limit for bytes that are no text', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (chunks) => {
        assert.ok(Buffer.byteLength(pushed(20, ...chunks).toString()) <= 20);
      }),
    );
  });
});
