import assert from 'node:assert/strict';
import fc from 'fast-check';
import { cleanTerminal, createRedactor, quotedText, StreamRedactor } from '../../src/domain/redaction.ts';

const key =
  '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\nQyNTUxOQAAACD2\n-----END OPENSSH PRIVATE KEY-----';

const redactStream = (secrets: string[], chunks: string[]): string => {
  const stream = new StreamRedactor(createRedactor(secrets));
  return chunks.map((chunk) => stream.write(chunk)).join('') + stream.flush();
};

describe('createRedactor', () => {
  it('replaces every occurrence of a secret and leaves the rest', () => {
    assert.equal(createRedactor(['hunter22'])('a hunter22 b hunter22.'), 'a ••• b •••.');
  });

  it('leaves short and trivial values, which would only garble the text', () => {
    const text = 'true production localhost 8080 abc';
    assert.equal(createRedactor(['true', 'production', 'localhost', '8080', 'abc', '', '      '])(text), text);
  });

  it('hides a secret that is encoded for a URL, for JSON, for the shell, or as base64', () => {
    const secret = 'p@ss wörd/"+\'&x';
    const redact = createRedactor([secret]);
    for (const form of [
      encodeURIComponent(secret),
      encodeURIComponent(secret).toLowerCase(),
      new URLSearchParams({ k: secret }).toString().slice(2),
      JSON.stringify(secret),
      JSON.stringify(JSON.stringify(secret)),
      JSON.stringify(secret).replace('&', '\\u0026'),
      Buffer.from(secret).toString('base64'),
      Buffer.from(secret).toString('base64url'),
    ]) {
      assert.match(redact(`<${form}>`), /^<["\\]*•••=*["\\]*>$/, form);
    }
  });

  it('hides a secret that was encoded to base64 together with something else', () => {
    for (const user of ['a', 'ab', 'abc', 'trader']) {
      const header = Buffer.from(`${user}:correct-horse-battery:x`).toString('base64');
      const shown = createRedactor(['correct-horse-battery'])(header).replace('•••', '*');
      assert.ok(shown.length < header.length - 20, shown);
      assert.ok(!Buffer.from(shown, 'base64').toString().includes('horse'));
    }
  });

  it('hides each line of a value of several lines', () => {
    assert.equal(createRedactor([key])('found QyNTUxOQAAACD2 there'), 'found ••• there');
  });

  it('hides a secret that is written for HTML, or in double quotes of a shell', () => {
    const secret = `<p>"it's" & $5`;
    const redact = createRedactor([secret]);
    for (const form of [
      '&lt;p&gt;&quot;it&#39;s&quot; &amp; $5',
      `&lt;p&gt;"it's" &amp; $5`,
      '&lt;p&gt;&#34;it&#39;s&#34; &amp; $5',
      `<p>\\"it's\\" & \\$5`,
    ]) {
      assert.equal(redact(`<${form}>`), '<•••>');
    }
  });

  it('hides the password of a URL alone too, as it is written there and as it is sent', () => {
    const redact = createRedactor(['postgresql://trader:correct%2Fhorse@db:5432/atp']);
    assert.equal(redact('password correct/horse (correct%2Fhorse) is wrong'), 'password ••• (•••) is wrong');
    assert.equal(createRedactor(['redis://:battery-staple@cache'])('battery-staple'), '•••');
    assert.equal(createRedactor(['http://localhost:3000/@vite'])('3000/ vite'), '3000/ vite');
  });

  it('does not know what docs/environment.md says that it does not', () => {
    const secret = 'correct-horse-battery-staple-of-some-length-and-then-a-little-more';
    const redact = createRedactor([secret, 'short', 'Production']);
    for (const text of [
      'short and Production',
      Buffer.from(secret).toString('hex'),
      Buffer.from(secret).toString('base64').replace(/.{20}/g, '$&\n'),
      [...secret].reverse().join(''),
      secret.slice(0, 30),
      encodeURIComponent('https://deploy:hunter22@example.com'),
    ]) {
      assert.equal(redact(text), text);
    }
  });

  it('leaves nothing of two secrets that overlap', () => {
    assert.equal(createRedactor(['abcdefgh', 'efghijkl'])('<abcdefghijkl>'), '<•••>');
  });

  it('hides keys, passwords in URLs and tokens that nobody configured', () => {
    const redact = createRedactor([]);
    assert.equal(redact(`x\n${key}\ny`), 'x\n•••\ny');
    assert.equal(redact(key.slice(0, 70)), '•••');
    assert.equal(redact('postgresql://user:p:a@ss@db:5432/x'), 'postgresql://user:•••@db:5432/x');
    assert.equal(redact('redis://:secret@cache'), 'redis://:•••@cache');
    assert.equal(redact('id=AKIAIOSFODNN7EXAMPLE.'), 'id=•••.');
    assert.equal(
      redact('http://localhost:3000/@vite ssh://git@github.com:22/x'),
      'http://localhost:3000/@vite ssh://git@github.com:22/x',
    );
  });
});

describe('StreamRedactor', () => {
  it('shows the same as the redactor of the whole text, wherever the text was cut', () => {
    const secrets = ['hunter22', 'ter22-more', 'first line\nsecond line', 'aaaaaa'];
    const piece = fc.constantFrom(
      ...secrets,
      'hunter2',
      'aaaa',
      'ok ',
      '\n',
      key,
      '-----BEGIN ',
      'AKIAIOSFODNN7EXAMPLE',
      'AKIA',
      'postgres://u:p@h',
      '://u:',
      '@',
      '/',
      ' ',
      'second line',
      '•',
    );
    fc.assert(
      fc.property(fc.array(piece), fc.array(fc.nat(200)), (pieces, cuts) => {
        const text = pieces.join('');
        const at = [...new Set(cuts)].filter((cut) => cut < text.length).sort((a, b) => a - b);
        const chunks = [0, ...at].map((cut, i) => text.slice(cut, at[i] ?? text.length));
        assert.equal(redactStream(secrets, chunks), createRedactor(secrets)(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('shows a complete line at once when its end is no beginning of a secret', () => {
    const stream = new StreamRedactor(createRedactor(['hunter22', 'a much longer secret value']));
    assert.equal(stream.write('step 1 done\n'), 'step 1 done\n');
    assert.equal(stream.write('password hunt'), 'password ');
    assert.equal(stream.write('er22\n'), '•••\n');
  });

  it('does not keep a key without an end in memory, and shows none of it', () => {
    const stream = new StreamRedactor(createRedactor([]));
    let shown = stream.write('-----BEGIN RSA PRIVATE KEY-----\n');
    for (let i = 0; i < 40; i++) shown += stream.write('ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789\n'.repeat(1000));
    shown += stream.write('-----END RSA PRIVATE KEY-----\nafter\n') + stream.flush();
    assert.equal(shown, '•••\nafter\n');
  });
});

describe('cleanTerminal', () => {
  it('removes colours, titles, links and cursor movements and keeps the text', () => {
    assert.equal(
      cleanTerminal('\x1b[1;31mred\x1b[0m \x1b]0;title\x07x \x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\ \x1b[2K\x1b(By'),
      'red x link y',
    );
  });

  it('leaves no control character but newline and tab, whatever the input', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.doesNotMatch(cleanTerminal(text), /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
      }),
    );
    assert.equal(cleanTerminal('a\tb\r\nc\u202ed\u0000\u061c'), 'a\tb\ncd');
  });

  it('takes a run of carriage returns for as many lines, and before a line feed for its end', () => {
    assert.equal(cleanTerminal('a\r\rb\r\r\r\nc\u2028d'), 'a\n\nb\nc\nd');
  });

  it('makes each state of a progress bar a line of its own', () => {
    assert.equal(cleanTerminal('10%\r20%\r\n'), '10%\n20%\n');
  });
});

describe('quotedText', () => {
  it('is one line in which every character can be seen, and means the same', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const quoted = quotedText(text);
        assert.doesNotMatch(quoted, /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/u);
        assert.equal(JSON.parse(quoted), text);
      }),
    );
  });
});
