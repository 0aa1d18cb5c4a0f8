const form = 'postgresql://USER:PASSWORD@HOST:PORT/DBNAME';

/** Each part as it stands in the URL, still percent-encoded. A driver's name (`postgresql+psycopg2`) is SQLAlchemy's. */
const pattern =
  /^postgres(?:ql)?(?:\+\w+)?:\/\/(?<user>[^:@/?#\s]*)(?::(?<password>[^@/?#\s]*))?@(?<host>[^@/?#\s]*)\/(?<name>[^/?#\s]*)(?<query>\?\S*)?$/;

/** The variables that say the same as parts of the URL. */
const twins = { POSTGRES_USER: 'user', POSTGRES_PASSWORD: 'password', POSTGRES_DB: 'name' } as const;

export interface UrlProblem {
  /** An error is what cannot work; what is merely unusual is a warning. */
  level: 'error' | 'warning';
  /** One line, without any value. */
  message: string;
  hint: string;
}

/**
 * What is wrong with `DATABASE_URL`: its form, or that it says something else than `POSTGRES_USER`, `POSTGRES_PASSWORD`
 * and `POSTGRES_DB`. A URL of another kind of database is none of our business, unless `POSTGRES_*` are set beside it.
 */
export function databaseUrlProblems(env: ReadonlyMap<string, string>): UrlProblem[] {
  const url = env.get('DATABASE_URL');
  // One that is missing or empty is for the required variables to tell.
  if (url === undefined || url === '') return [];
  const set = Object.entries(twins).filter(([name]) => (env.get(name) ?? '') !== '');
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1];
  if (scheme !== undefined && !/^postgres/i.test(scheme) && set.length === 0) return [];
  const parts = pattern.exec(url)?.groups;
  // Another kind of database may be used beside the one that POSTGRES_* make.
  const other = scheme !== undefined && !/^postgres/i.test(scheme);
  if (parts === undefined) return [malformed('it is not of that form', other ? 'warning' : 'error')];
  const problem = faultOf(parts);
  if (problem !== undefined) return [malformed(problem)];
  // A trusted connection, or a password file.
  if (!parts['password']) return [malformed('it has no password', 'warning')];
  const differs = ([name, part]: (typeof set)[number]) => decoded(parts[part] ?? '') !== env.get(name);
  const differing = set.filter(differs).map(([name]) => name);
  // Another user than the one that the database was made with has a password of its own.
  const otherUser = differing.includes('POSTGRES_USER');
  const told = differing.filter((name) => !(otherUser && name === 'POSTGRES_PASSWORD'));
  if (told.length === 0) return [];
  return [
    {
      level: told.includes('POSTGRES_PASSWORD') ? 'error' : 'warning',
      message: `expected DATABASE_URL to say the same as ${told.join(' and ')}; it does not`,
      hint: `Write the same into both. In the URL, characters other than letters, digits and - . _ ~ are percent-encoded.`,
    },
  ];
}

const malformed = (found: string, level: UrlProblem['level'] = 'error'): UrlProblem => ({
  level,
  message: `expected DATABASE_URL of the form ${form}; ${found}`,
  hint: 'Characters such as @ : / ? # % in a user, password or name are percent-encoded in a URL: @ is %40.',
});

function faultOf({ user, password, host = '', name, query = '' }: Record<string, string | undefined>) {
  if (!user) return 'it names no user';
  // Of a socket, the folder is a parameter.
  if (host === '' && !/[?&]host=/.test(query)) return 'it names no host';
  if (!name) return 'it names no database';
  if ([user, password ?? '', name].some((part) => decoded(part) === undefined))
    return 'a % in it begins no percent-encoding';
  // libpq takes several hosts, and a port may be left out.
  if (!host.split(',').every(isHost)) return 'its host or port is not one';
  return undefined;
}

function isHost(text: string): boolean {
  const [, port] = /^(?:\[[0-9a-f:.%]+\]|[^:[\]]*)(?::(\d*))?$/i.exec(text) ?? [undefined, 'none'];
  return port === undefined || port === '' || (/^\d+$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535);
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
