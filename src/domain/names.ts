import { ErrorType } from '../contracts/errors.ts';
import { DeployError } from './deploy-error.ts';
import { quotedText } from './redaction.ts';

/** What a name must look like. Everything that reaches a shell or a ref has passed one of these first. */
export interface NameRule {
  /** What the value is: `a branch`. */
  what: string;
  expected: string;
  fits(value: string): boolean;
  /** All of the rule, where one pattern says it. */
  pattern?: RegExp;
}

const rule = (what: string, expected: string, pattern: RegExp): NameRule => ({
  what,
  expected,
  fits: (value) => pattern.test(value),
  pattern,
});

const control = /[\u0000-\u001f\u007f]/;
const climbs = (path: string): boolean => path.split('/').includes('..');

export const nameRules = {
  target: rule('a target name', 'a-z, 0-9 and -, not starting with -, at most 63', /^[a-z0-9][a-z0-9-]{0,62}$/),
  alias: rule('a host alias', 'a-z, 0-9 and -, not starting with -, at most 63', /^[a-z0-9][a-z0-9-]{0,62}$/),
  fullSha: rule('a full commit SHA', '40 or 64 hexadecimal digits', /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i),
  commit: rule('a commit', '4 to 40 hexadecimal digits, or 64', /^(?:[0-9a-f]{4,40}|[0-9a-f]{64})$/i),
  deployId: rule('the ID of a deploy', 'at least 4 of its hexadecimal digits and -', /^[0-9a-f-]{4,36}$/),
  branch: { what: 'a branch', expected: 'a name that git check-ref-format accepts', fits: isBranch },
  remote: rule('a git remote', 'a name such as origin', /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/),
  service: rule('a service', 'letters, digits, . _ and -, not starting with -', /^[a-zA-Z0-9._][a-zA-Z0-9._-]*$/),
  project: rule('a Compose project', 'a-z, 0-9, _ and -, starting with a-z or 0-9', /^[a-z0-9][a-z0-9_-]*$/),
  profile: rule(
    'a Compose profile',
    'letters, digits, . _ and -, starting with a letter or digit',
    /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/,
  ),
  variable: rule('a variable', 'letters, digits and _, not starting with a digit', /^[A-Za-z_][A-Za-z0-9_]*$/),
  user: rule('a user', 'a login name', /^[A-Za-z_][A-Za-z0-9_.-]*\$?$/),
  address: rule(
    'an address',
    'a host name or an IP address',
    /^(?:[A-Za-z0-9_][A-Za-z0-9_.-]*|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9]+)?)$/,
  ),
  fingerprint: rule('a fingerprint', 'SHA256:… as ssh-keygen -l shows it', /^SHA256:[A-Za-z0-9+/]{43}=?$/),
  absolutePath: {
    what: 'a path on the host',
    expected: 'an absolute path without .. and control characters',
    fits: (value) => value.startsWith('/') && !control.test(value) && !climbs(value),
  },
  relativePath: {
    what: 'a path in the repository',
    expected: 'a relative path without .. and control characters, not starting with -',
    fits: (value) => /^[^/-]/.test(value) && !control.test(value) && !climbs(value),
  },
} satisfies Record<string, NameRule>;

/** Why a value breaks a rule, or undefined when it fits. */
export function breach(by: NameRule, value: string): string | undefined {
  return by.fits(value) ? undefined : `expected ${by.what}: ${by.expected}; found ${quotedText(value.slice(0, 80))}`;
}

/** Each returns its argument, or throws InvalidInput with what was expected and found. SHAs come back in lower case. */
export const targetName = (value: string): string => demand(nameRules.target, value);
export const hostAlias = (value: string): string => demand(nameRules.alias, value);
export const fullSha = (value: string): string => demand(nameRules.fullSha, value).toLowerCase();
/** A full or a short SHA. */
export const commitSha = (value: string): string => demand(nameRules.commit, value).toLowerCase();
export const branchName = (value: string): string => demand(nameRules.branch, value);
export const remoteName = (value: string): string => demand(nameRules.remote, value);
export const serviceName = (value: string): string => demand(nameRules.service, value);
/** Of an SSH key. */
export const keyFingerprint = (value: string): string => demand(nameRules.fingerprint, value);
export const projectName = (value: string): string => demand(nameRules.project, value);
export const absolutePath = (value: string): string => demand(nameRules.absolutePath, value);
/** A path inside the repository. */
export const relativePath = (value: string): string => demand(nameRules.relativePath, value);

function demand(by: NameRule, value: string): string {
  const why = breach(by, value);
  if (why !== undefined) throw new DeployError(ErrorType.InvalidInput, why);
  return value;
}

/** The rules of `git check-ref-format --branch`, without its expansion of `@{-1}`. */
function isBranch(name: string): boolean {
  if (name === '' || name === '@' || name === 'HEAD' || name.startsWith('-')) return false;
  if (/[\u0000-\u0020\u007f~^:?*[\\]/.test(name) || name.includes('..') || name.includes('@{')) return false;
  if (name.endsWith('.')) return false;
  return name.split('/').every((part) => part !== '' && !part.startsWith('.') && !part.endsWith('.lock'));
}
