import { nameRules } from '../domain/names.ts';

export interface HostAddress {
  user?: string;
  /** Without brackets, for IPv6 too. */
  address: string;
  port?: number;
}

export const hostAddressForm = 'user@address[:port], an IPv6 address in brackets';

/** Takes `[user@]address[:port]` apart, or returns undefined when it is none. */
export function parseHostAddress(text: string): HostAddress | undefined {
  const match = /^(?:([^@]+)@)?(?:\[([^\]]+)\]|([^:[\]@]+))(?::(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const [, user, ipv6, name, port] = match;
  if (ipv6 !== undefined && !ipv6.includes(':')) return undefined;
  const address = ipv6 ?? name ?? '';
  if (!nameRules.address.fits(address) || (user !== undefined && !nameRules.user.fits(user))) return undefined;
  if (port !== undefined && !isPort(Number(port))) return undefined;
  return {
    address,
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port: Number(port) }),
  };
}

const isPort = (port: number): boolean => port >= 1 && port <= 65_535;

/** The alias of a host that has no name of its own: `54.254.150.31` → `54-254-150-31`. */
export function aliasOf(address: string): string {
  const alias = address.toLowerCase().replace(/[^a-z0-9-]/g, '-');
  return alias.replace(/^-+/, '').slice(0, 63).replace(/-+$/, '');
}
