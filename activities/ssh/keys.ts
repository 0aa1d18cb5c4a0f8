import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import ssh2, { type AnyAuthMethod, type BaseAgent, type ParsedKey } from 'ssh2';
import { ErrorType } from '../../src/contracts/errors.ts';
import type { SshConfig } from '../../src/contracts/target.ts';
import { DeployError } from '../../src/domain/deploy-error.ts';
import { configPath } from './endpoint.ts';
import { describeKey } from './host-keys.ts';

/** What we prove ourselves with. */
export interface Identity {
  /** For messages: fingerprint and source, never the key. */
  description: string;
  method(user: string): AnyAuthMethod;
}

export interface KeySource {
  baseDir: string;
  env: Record<string, string | undefined>;
}

/** The key of a file or an environment variable, else whatever the agent has. Fails with InvalidInput. */
export async function loadIdentity(privateKey: SshConfig['privateKey'], source: KeySource): Promise<Identity> {
  if (privateKey === undefined) return agentIdentity(source.env['SSH_AUTH_SOCK']);
  if ('file' in privateKey) {
    const from = `file ${privateKey.file}`;
    return keyIdentity(await readKey(privateKey.file, source.baseDir), from);
  }
  const from = `environment variable ${privateKey.env}`;
  const text = source.env[privateKey.env];
  if (text === undefined || text.trim() === '') {
    throw invalid(
      `ssh.privateKey names the ${from}, which is ${text === undefined ? 'not set' : 'empty'}`,
      "It must hold the private key itself, where the worker runs; or name the key's file with ssh.privateKey.file.",
    );
  }
  // CI systems and env files often store the key on one line, with `\n` spelled out.
  return keyIdentity(text.replaceAll('\\r', '').replaceAll('\\n', '\n'), from);
}

async function readKey(file: string, baseDir: string): Promise<string> {
  try {
    return await readFile(configPath(file, baseDir), 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`;
    throw new DeployError(ErrorType.InvalidInput, `ssh.privateKey names the file ${file}, which ${why}`, {
      hint: 'The path is relative to the config file, on the machine where the worker runs.',
      cause,
    });
  }
}

function keyIdentity(text: string, from: string): Identity {
  const key = parsePrivateKey(text, from);
  return {
    description: `the key ${describeKey(key.getPublicSSH())} (${from})`,
    method: (username) => ({ type: 'publickey', username, key }),
  };
}

/** The parser's own messages are not passed on: some quote what they could not read. */
function parsePrivateKey(text: string, from: string): ParsedKey {
  const pem = text.replaceAll('\r\n', '\n').trim();
  if (pem.includes('BEGIN ENCRYPTED PRIVATE KEY')) throw encrypted(from);
  const parsed: ParsedKey | ParsedKey[] | Error = ssh2.utils.parseKey(fromPkcs8(pem));
  if (parsed instanceof Error) {
    if (/encrypted|kdf|unsupported cipher/i.test(parsed.message)) throw encrypted(from);
    throw notAKey(from, 'text that is none');
  }
  // ssh2 gives a list for OpenSSH's format, whatever its types say.
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (!key?.isPrivateKey()) throw notAKey(from, 'a public key');
  return key;
}

/** ssh2 reads OpenSSH's own format, PKCS#1, SEC 1 and PPK. RSA and EC keys in PKCS#8 are rewritten for it. */
function fromPkcs8(pem: string): string {
  if (!pem.startsWith('-----BEGIN PRIVATE KEY-----')) return pem;
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'rsa') return key.export({ type: 'pkcs1', format: 'pem' }).toString();
    if (key.asymmetricKeyType === 'ec') return key.export({ type: 'sec1', format: 'pem' }).toString();
  } catch {
    // Not a key after all: parsing says so.
  }
  return pem;
}

async function agentIdentity(socket: string | undefined): Promise<Identity> {
  if (!socket) {
    throw invalid(
      'There is no SSH key to use: ssh.privateKey is not set, and neither is SSH_AUTH_SOCK (the ssh-agent)',
      'Set ssh.privateKey in the config, or start the worker with an ssh-agent that has the key.',
    );
  }
  const agent = ssh2.createAgent(socket);
  const keys = await identitiesOf(agent);
  if (keys.length === 0) {
    throw invalid(
      'The ssh-agent of SSH_AUTH_SOCK has no keys, or only some that cannot be used here: certificates and hardware keys (sk)',
      'Add the key with `ssh-add FILE`, or set ssh.privateKey.',
    );
  }
  const [first, ...more] = keys.map((key) => describeKey(key.getPublicSSH()));
  return {
    description:
      more.length === 0
        ? `the key ${first} (ssh-agent)`
        : `each of the ${keys.length} keys of the ssh-agent: ${first}, ${more.join(', ')}`,
    method: (username) => ({ type: 'agent', username, agent }),
  };
}

function identitiesOf(agent: BaseAgent): Promise<ParsedKey[]> {
  return new Promise((resolve, reject) => {
    agent.getIdentities((error, keys) => {
      if (!error) return resolve((keys ?? []) as ParsedKey[]);
      reject(
        invalid(
          `The ssh-agent of SSH_AUTH_SOCK does not answer (${error.message})`,
          'Start an ssh-agent and point SSH_AUTH_SOCK at it, or set ssh.privateKey.',
        ),
      );
    });
  });
}

function encrypted(from: string): DeployError {
  return invalid(
    `The private key of the ${from} is encrypted: expected one without a passphrase, as nobody is there to type it`,
    'Load it into an ssh-agent and leave ssh.privateKey out, or use a key of its own without a passphrase.',
  );
}

function notAKey(from: string, found: string): DeployError {
  return invalid(
    `The ${from} does not hold a private key: expected one in OpenSSH's or PEM format, found ${found}`,
    'It must hold the whole key, from the BEGIN line to the END line, and neither a path nor the .pub file.',
  );
}

function invalid(message: string, hint: string): DeployError {
  return new DeployError(ErrorType.InvalidInput, message, { hint });
}
