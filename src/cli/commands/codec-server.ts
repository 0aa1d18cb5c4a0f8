import { ErrorType, ExitCode } from '../../contracts/errors.ts';
import { DeployError } from '../../domain/deploy-error.ts';
import { listenAddress } from '../listen-address.ts';
import type { OutputFlags, Terminal } from '../terminal.ts';
import { untilSignal } from '../until-signal.ts';

export interface CodecServerFlags extends OutputFlags {
  address: string;
  uiOrigin: string[];
}

/** `dbc codec-server`: shows Temporal's UI what the payload codec has encrypted. Needs the payload keys, and no Temporal. */
export async function codecServer(terminal: Terminal, { address, uiOrigin }: CodecServerFlags): Promise<ExitCode> {
  const { makeKeyHint, payloadKeys } = await import('../../codec/payload-keys.ts');
  const { encryptionCodec } = await import('../../codec/encryption-codec.ts');
  const { startCodecServer } = await import('../../codec/codec-server.ts');
  const keys = payloadKeys(process.env);
  if (keys.length === 0)
    throw new DeployError(ErrorType.InvalidInput, 'expected a payload key, found none', { hint: makeKeyHint });
  const uiOrigins = uiOrigin.map(originOf);
  const interrupted = untilSignal();
  const { url, close } = await startCodecServer({
    codec: encryptionCodec(keys),
    ...(await listenAddress('--address', address)),
    uiOrigins,
  });
  if (terminal.json) terminal.printJson({ event: 'serving', url, keys: keys.map(({ id }) => id), uiOrigins });
  else terminal.print(`Decrypts at ${url} with the keys ${keys.map(({ id }) => id).join(', ')}. Ctrl-C stops.`);
  if (uiOrigins.length === 0)
    terminal.note("No page in a browser is let in; --ui-origin names where Temporal's UI is.");
  await interrupted;
  await close();
  return ExitCode.succeeded;
}

/** As a browser says it: no path, no port that goes without saying. */
function originOf(text: string): string {
  if (/^https?:/.test(text) && URL.canParse(text)) return new URL(text).origin;
  throw new DeployError(
    ErrorType.InvalidInput,
    `expected --ui-origin to be where Temporal's UI is, found ${JSON.stringify(text.slice(0, 200))}`,
    { hint: "As the browser's address bar begins: http://127.0.0.1:8080." },
  );
}
