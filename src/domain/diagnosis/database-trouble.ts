/** What can be wrong between an application and its database, in words. */
interface Trouble {
  what: string;
  says: RegExp;
  /** Whether others than a database say it too, so that a line of a log has to name one besides. */
  common?: true;
}

/** By the words of PostgreSQL, MySQL and MongoDB, their drivers, and the resolvers and sockets underneath. */
const troubles: Trouble[] = [
  {
    what: 'wrong password',
    says: /password authentication failed|28P01|access denied for user|authentication failed|no password supplied/i,
  },
  { what: 'no such database', says: /database "?[^\s"]+"? does not exist|\b3D000\b|unknown database/i },
  { what: 'no such user', says: /role "?[^\s"]+"? does not exist|\b28000\b/i },
  { what: 'too many connections', says: /too many (?:connections|clients)|\b53300\b|remaining connection slots/i },
  { what: 'it is not ready', says: /the database system is (?:starting up|shutting down|in recovery)|\b57P0[123]\b/i },
  {
    what: 'unknown host',
    says: /could not translate host name|ENOTFOUND|EAI_AGAIN|name or service not known|name resolution|bad address/i,
    common: true,
  },
  { what: 'connection refused', says: /ECONNREFUSED|connection refused/i, common: true },
  {
    what: 'no answer',
    says: /ETIMEDOUT|CONNECT_TIMEOUT|timed? ?out|timeout expired|no answer|EHOSTUNREACH|no route to host/i,
    common: true,
  },
];

const names = /postgres|psycopg|mysql|mariadb|mongo|database|sqlalchemy|sequelize|prisma|:(?:5432|3306|27017)\b/i;

/** What a database, or who asked it, complains about; undefined when the text says nothing of the sort. */
export const databaseTrouble = (text: string): string | undefined => troubles.find(({ says }) => says.test(text))?.what;

/** The newest line of a log that tells of trouble with the database, which may be named as the service `database`. */
export function databaseComplaint(log: string, database: string | undefined): string | undefined {
  const named = (line: string) => names.test(line) || (database !== undefined && wordOf(database).test(line));
  return log
    .split('\n')
    .findLast((line) => troubles.some(({ says, common }) => says.test(line) && (!common || named(line))))
    ?.trim();
}

const wordOf = (service: string): RegExp => new RegExp(`\\b${service.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\b`);
