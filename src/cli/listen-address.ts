import { ErrorType } from '../contracts/errors.ts';
import { DeployError } from '../domain/deploy-error.ts';

/** Where a flag says to listen. */
export async function listenAddress(flag: string, text: string): Promise<{ host: string; port: number }> {
  const { parseHostAddress } = await import('../config/host-address.ts');
  const { user, address, port } = parseHostAddress(text) ?? {};
  if (address !== undefined && port !== undefined && user === undefined) return { host: address, port };
  throw new DeployError(
    ErrorType.InvalidInput,
    `expected ${flag} to be an address and a port; found ${JSON.stringify(text.slice(0, 80))}`,
    { hint: 'Such as 127.0.0.1:8234, or [::1]:8234.' },
  );
}
