import { hostname, userInfo } from 'node:os';

/** Who asks for this, for leases, releases and everybody who looks: the CI's user, or the login and the machine. */
export function actor(env: NodeJS.ProcessEnv): string {
  const name = env['GITHUB_ACTOR'] || `${env['USER'] || env['LOGNAME'] || login()}@${hostname()}`;
  return name.replace(/[^\x21-\x7e]/g, '').slice(0, 100) || 'unknown';
}

function login(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}
