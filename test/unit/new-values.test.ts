import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { checkedNames, readChange } from '../../src/cli/new-values.ts';
import { askHidden } from '../../src/cli/prompt.ts';
import { dbc, dbcReading, dbcTyping } from './dbc-process.ts';

type Streams = NonNullable<Parameters<typeof readChange>[2]>;
const one = { unset: false, stdin: false };
const lines = { unset: false, stdin: true };
const piped = (text: string | Buffer): Streams =>
  ({ stdin: Readable.from([Buffer.from(text)]), stderr: new PassThrough() }) as unknown as Streams;

describe('the new value of a variable', () => {
  for (const [what, text, value] of [
    ['without the newline at its end', 'secret\n', 'secret'],
    ['without the CRLF at its end', 'secret\r\n', 'secret'],
    ['with all newlines but the last', 'one\ntwo\n\n', 'one\ntwo\n'],
    ['with its spaces', ' secret ', ' secret '],
    ['as empty, for an empty line', '\n', ''],
  ] as const) {
    it(`is taken from standard input ${what}`, async () => {
      assert.deepEqual(await readChange(['A'], one, piped(text)), { set: ['A'], values: [value], unset: [] });
    });
  }

  it('are several, as lines that are read as Compose reads them', async () => {
    const text = '# Telegram\nRUN_TELEGRAM=1\nexport TOKEN=\'a $b\'\nLONG="x\\ny"\n';
    assert.deepEqual(await readChange([], lines, piped(text)), {
      set: ['RUN_TELEGRAM', 'TOKEN', 'LONG'],
      values: ['1', 'a $b', 'x\ny'],
      unset: [],
    });
  });

  it('is not asked for when variables are taken out', async () => {
    const wanted = await readChange(['A', 'B', 'A'], { unset: true, stdin: false }, piped('not read'));
    assert.deepEqual(wanted, { set: [], values: [], unset: ['A', 'B'] });
  });

  for (const [what, names, how, text, says] of [
    ['nothing on standard input', ['A'], one, '', /found nothing/],
    ['a NUL', ['A'], one, 'canary\0', /cannot hold a NUL/],
    ['lines of which one cannot be read', [], lines, 'A=1\nB="canary\n', /line 2: B: its quote is never closed/],
    ['no lines', [], lines, '# nothing\n', /found none/],
    ['a name that no shell knows', [], lines, 'A.B=canary\n', /expected a variable's name/],
  ] as const) {
    it(`is refused, and not shown, for ${what}`, async () => {
      await assert.rejects(readChange(names, how, piped(text)), (error: Error) => {
        assert.match(error.message, says);
        return !error.message.includes('canary');
      });
    });
  }

  it('is asked for on a terminal, and what is typed is not shown', async () => {
    const [stdin, stderr] = [new PassThrough(), new PassThrough()];
    const answer = askHidden('New value of A: ', { stdin, stderr } as never);
    for (const key of ['can', 'aryX', '\u007f', '-7\r']) stdin.write(key);
    assert.equal(await answer, 'canary-7');
    assert.equal(String(stderr.read()), 'New value of A: \n');
  });

  it('that is interrupted at the prompt starts nothing', async () => {
    const [stdin, stderr] = [new PassThrough(), new PassThrough()];
    const answer = askHidden('New value of A: ', { stdin, stderr } as never);
    stdin.write('can\u0003');
    await assert.rejects(answer, /Interrupted; nothing was started/);
  });
});

describe('dbc env set', () => {
  const canary = 'canary93';
  const refused: [what: string, args: string[], says: RegExp][] = [
    ['NAME=VALUE', ['p', `TOKEN=${canary}`], /expected NAME, found NAME=VALUE/],
    ['a value behind the name', ['p', 'TOKEN', canary], /expected one NAME, found more behind it/],
    ['a value that looks like an option', ['p', 'TOKEN', `--${canary}`], /found something else, or an unknown option/],
    ['a name together with --stdin', ['p', canary, '--stdin'], /the names stand on standard input/],
    ['a name that is none', ['p', `${canary} x`], /expected NAME to be letters/],
    ['no name', ['p'], /expected the NAME of a variable, found none/],
    ['a value without a key to encrypt it', ['p', 'TOKEN'], /Without a payload key[\s\S]*openssl rand -base64 32/],
  ];
  for (const [what, args, says] of refused) {
    it(`refuses ${what} before it connects to anything, and shows no value`, async () => {
      const { code, stdout, stderr } = await dbcReading(['env', 'set', ...args], `${canary}\n`);
      assert.match(stderr, says);
      assert.deepEqual({ code, stdout, shown: stderr.includes(canary) }, { code: 2, stdout: '', shown: false });
    });
  }

  it('refuses a payload key that is none, and does not show it', async () => {
    const { code, stderr } = await dbc(['env', 'set', 'p', 'TOKEN'], { DBC_PAYLOAD_KEY: canary });
    assert.equal(code, 2);
    assert.match(stderr, /expected 32 bytes in base64 or hexadecimal in DBC_PAYLOAD_KEY/);
    assert.ok(!stderr.includes(canary));
  });

  const prompt = 'New value of TOKEN: ';
  const key = { DBC_PAYLOAD_KEY: Buffer.alloc(32, 7).toString('base64') };

  it('shows nothing of what is typed on a terminal, connects to nothing after Ctrl-C, and leaves the terminal as it was', async () => {
    const { code, screen, intact } = await dbcTyping(
      ['env', 'set', 'p', 'TOKEN'],
      { prompt, keys: `${canary}\x03` },
      key,
    );
    assert.deepEqual({ code, intact, shown: screen.includes(canary) }, { code: 2, intact: true, shown: false });
    assert.match(
      screen,
      /^New value of TOKEN: \r\n.*Interrupted; nothing was started\.\r\n {2}More: dbc explain InvalidInput\r\n$/s,
    );
  });

  it('lets several names through only to take them out', () => {
    checkedNames(['A', 'B'], { unset: true, stdin: false });
    assert.throws(() => checkedNames(['A', 'B'], one), /expected one NAME/);
  });
});
