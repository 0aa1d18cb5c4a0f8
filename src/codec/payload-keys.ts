import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { ErrorType } from '../contracts/errors.ts';
import { DeployError } from '../domain/deploy-error.ts';

/** A key of the payload codec. */
export interface PayloadKey {
  /** The first eight hexadecimal digits of its SHA-256: names it in payloads and messages, and tells nothing of it. */
  id: string;
  /** 32 bytes. */
  bytes: Buffer;
}

const inVariable = 'DBC_PAYLOAD_KEY';
const inFile = 'DBC_PAYLOAD_KEY_FILE';
const keyBytes = 32;

/** What to do for somebody who has no key yet. */
export const makeKeyHint = `Make a key with \`openssl rand -base64 32\`, and give the same one to this command and to the worker, as ${inVariable} or in a file that ${inFile} names.`;

/**
 * The keys of `DBC_PAYLOAD_KEY`, or of the file that `DBC_PAYLOAD_KEY_FILE` names: base64 or hexadecimal, several apart by
 * white space or commas, in a file also with comments after `#`. The first one encrypts, all of them decrypt. None: empty.
 *
 * @throws DeployError InvalidInput, which never quotes a key
 */
export function payloadKeys(env: NodeJS.ProcessEnv): PayloadKey[] {
  const [variable, file] = [env[inVariable]?.trim(), env[inFile]?.trim()];
  if (variable && file) {
    throw new DeployError(ErrorType.InvalidInput, `expected ${inVariable} or ${inFile}, found both`, {
      hint: 'Unset one. Several keys fit into either of them: the first one encrypts, all of them decrypt.',
    });
  }
  if (variable) return parseKeys(variable, inVariable);
  return file ? parseKeys(readKeyFile(file), file) : [];
}

function readKeyFile(path: string): string {
  try {
    const { mode, uid } = statSync(path);
    const own = process.getuid?.() ?? uid;
    if ((mode & 0o077) !== 0 || (uid !== own && uid !== 0)) {
      throw new DeployError(
        ErrorType.InvalidInput,
        `expected ${path} (${inFile}) to be readable by its owner only, found mode ${(mode & 0o777).toString(8)}${uid === own ? '' : ` and owner ${uid}`}`,
        { hint: `\`chmod 600 ${path}\`; if somebody else may have read it, make a new key.` },
      );
    }
    return readFileSync(path, 'utf8').replace(/#.*$/gm, '');
  } catch (error) {
    if (error instanceof DeployError) throw error;
    const why = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new DeployError(ErrorType.InvalidInput, `${path} (${inFile}) cannot be read: ${why}`, { hint: makeKeyHint });
  }
}

function parseKeys(text: string, where: string): PayloadKey[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  if (words.length === 0) throw unfit(where, 'no key');
  const keys = words.map((word, index) => {
    const bytes = decodeKey(word);
    if (bytes.length !== keyBytes) throw unfit(where, `something else as key ${index + 1} of ${words.length}`);
    return { id: keyId(bytes), bytes };
  });
  return keys.filter(({ id }, index) => keys.findIndex((other) => other.id === id) === index);
}

/** A wrong character or a missing one makes a key of another length. */
function decodeKey(word: string): Buffer {
  if (/^[0-9a-f]{64}$/i.test(word)) return Buffer.from(word, 'hex');
  return /^[A-Za-z0-9+/_-]{43}=?$/.test(word) ? Buffer.from(word, 'base64') : Buffer.alloc(0);
}

const unfit = (where: string, found: string): DeployError =>
  new DeployError(
    ErrorType.InvalidInput,
    `expected ${keyBytes} bytes in base64 or hexadecimal in ${where}, found ${found}`,
    {
      hint: 'Such a key is made with `openssl rand -base64 32`.',
    },
  );

const keyId = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex').slice(0, 8);
