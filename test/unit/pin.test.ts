import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import ssh2 from 'ssh2';
import { pinned, standing } from '../../activities/ssh/pin.ts';

const key = (): Buffer => {
  const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'sec1', format: 'pem' });
  const parsed = ssh2.utils.parseKey(String(pem));
  if (parsed instanceof Error) throw parsed;
  return parsed.getPublicSSH();
};
const [old, now, more] = [key(), key(), key()];
const web = { user: 'u', address: 'Web-1', port: 22 };
const line = (hosts: string, its: Buffer, marker = ''): string =>
  `${marker}${hosts} ecdsa-sha2-nistp256 ${its.toString('base64')}`;
const again = (text: string, shown: Buffer[] = [now]) => pinned(text, web, shown, standing(text, web, shown).stale);

describe('what known_hosts says of a host', () => {
  it('is new, known or changed', () => {
    assert.equal(standing('', web, [now]).state, 'new');
    assert.equal(standing(line('other', now), web, [now]).state, 'new');
    assert.equal(standing(line('web-1', now), web, [more, now]).state, 'known');
    assert.equal(standing(line('web-1', old), web, [now]).state, 'changed');
  });

  it('is new of a key that it shows too, but that nobody has pinned', () => {
    assert.equal(standing(line('web-1', more), web, [more, now], [now]).state, 'new');
  });

  it('ends the matter when the key is revoked', () => {
    const text = line('*', now, '@revoked ');
    assert.throws(() => standing(text, web, [now]), { type: 'HostKeyMismatch', message: /revoked.* in line 1$/ });
  });
});

describe('a key that is pinned', () => {
  it('comes at the end, on a line of its own, though the last line has no end', () => {
    assert.equal(again('# ours'), `# ours\n${line('web-1', now)}\n`);
    assert.equal(again(''), `${line('web-1', now)}\n`);
  });

  it('takes the place of the old one, and leaves what the line means beside it', () => {
    assert.equal(again(`${line('web-1', old)}\n# kept\n`), `# kept\n${line('web-1', now)}\n`);
    assert.equal(
      again(`${line('web-1,10.0.0.1,db*', old)} a comment\n`),
      `${line('10.0.0.1,db*', old)} a comment\n${line('web-1', now)}\n`,
    );
  });

  it('does not touch a line that means the host by a pattern', () => {
    for (const hosts of ['web-*', 'web-1,web-?', '*,!db']) {
      assert.throws(() => again(line(hosts, old)), { type: 'InvalidInput', message: /by a pattern/ });
    }
  });
});
