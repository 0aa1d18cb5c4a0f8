import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { ErrorType, ExitCode } from '../../contracts/errors.ts';
import { count } from '../../domain/count.ts';
import { DeployError } from '../../domain/deploy-error.ts';
import { type NameRule, nameRules, targetName } from '../../domain/names.ts';
import { defaultConfig } from '../flags.ts';
import type { Person } from '../prompt.ts';
import { Questions } from '../questions.ts';
import type { OutputFlags, Terminal } from '../terminal.ts';

export interface InitFlags extends OutputFlags {
  target: string;
  host: string[];
  path?: string | undefined;
  branch?: string | undefined;
  profile?: string | undefined;
  key?: string | undefined;
  config?: string | undefined;
  force?: boolean | undefined;
}

const schemaName = 'deploy.schema.json';

/** `dbc init`: writes a first deploy.yaml of what it is told, asks for and finds here, and its schema beside it. */
export async function init(terminal: Terminal, flags: InitFlags, person: Person = process): Promise<ExitCode> {
  const { findCompose } = await import('../../config/found-compose.ts');
  const { starterConfig } = await import('../../config/starter.ts');
  const { parseConfig } = await import('../../config/load.ts');
  const { configJsonSchema } = await import('../../config/json-schema.ts');
  const file = flags.config ?? defaultConfig;
  if (!flags.force && existsSync(file)) {
    throw usage(
      `expected no file at ${file} yet, found one`,
      'See what it says: `dbc config`. --force writes it anew.',
    );
  }
  const folder = dirname(file);
  const compose = await findCompose(folder);
  const questions = new Questions(person);
  const target = targetName(flags.target);
  const { hosts, path, branch, profile, key } = await answers(
    questions,
    folder,
    flags,
    compose?.profiles ?? [],
  ).finally(() => questions.close());
  const text = starterConfig(
    {
      ...{ target, hosts, path, branch },
      ...(profile ? { profile } : {}),
      ...(key ? { key } : {}),
      ...(compose ? { compose } : {}),
    },
    `./${schemaName}`,
  );
  // What was typed may still be wrong in a way that only the whole file shows.
  parseConfig(Buffer.from(text), file);
  const schemaFile = join(folder, schemaName);
  await writeFile(file, text, { flag: flags.force ? 'w' : 'wx' });
  await writeFile(schemaFile, `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
  const services = compose?.services.map(({ name }) => name) ?? [];
  if (terminal.json) terminal.printJson({ config: file, schema: schemaFile, target, services });
  else terminal.print(`${file}: target ${target}, ${count(hosts.length, 'host')}${found(compose?.file, services)}`);
  const at = flags.config === undefined ? '' : ` --config ${file}`;
  terminal.note(
    '',
    'What comes next:',
    `  dbc trust ${target}${at}               know the hosts by their keys`,
    `  dbc doctor ${target} --direct${at}     is everything there that a deploy needs`,
    `  dbc deploy ${target} --embedded${at}   deploy the tip of ${branch}`,
  );
  return ExitCode.succeeded;
}

const found = (file: string | undefined, services: readonly string[]): string =>
  file === undefined ? '; no compose file here' : `; services of ${file}: ${services.join(', ')}`;

async function answers(questions: Questions, folder: string, flags: InitFlags, profiles: readonly string[]) {
  const { hostAddressForm, parseHostAddress } = await import('../../config/host-address.ts');
  const host: NameRule = {
    what: 'a host',
    expected: hostAddressForm,
    fits: (value) => parseHostAddress(value) !== undefined,
  };
  const any: NameRule = { what: 'a path', expected: 'a path', fits: () => true };
  const here = await repositoryIn(folder);
  const given = flags.host.length > 0 ? flags.host : undefined;
  const hosts = await questions.all('--host', 'Host, as user@address', host, given);
  const user = parseHostAddress(hosts[0] ?? '')?.user ?? 'ubuntu';
  const home = user === 'root' ? '/root' : `/home/${user}`;
  const path = await questions.one('--path', 'Checkout on the host', nameRules.absolutePath, flags.path, {
    suggested: `${home}/${here.name}`,
  });
  const branch = await questions.one('--branch', 'Branch', nameRules.branch, flags.branch, {
    ...(here.branch === undefined ? {} : { suggested: here.branch, byDefault: here.branch }),
  });
  const listed: NameRule = {
    what: 'a profile of the compose file',
    expected: profiles.join(', '),
    fits: (value) => profiles.includes(value),
  };
  const [only] = profiles;
  const profile =
    profiles.length > 1 || flags.profile !== undefined
      ? await questions.one('--profile', `Profile of the compose file (${profiles.join(', ')})`, listed, flags.profile)
      : only;
  const key = questions.canAsk
    ? await questions.one('--key', 'Private key file, empty for the ssh-agent', any, flags.key, { suggested: '' })
    : flags.key;
  return { hosts, path, branch, profile, key };
}

/** The name of the repository and its main branch, as far as git knows them. */
async function repositoryIn(folder: string): Promise<{ name: string; branch?: string }> {
  const git = async (...args: string[]): Promise<string | undefined> =>
    promisify(execFile)('git', args, { cwd: folder }).then(
      ({ stdout }) => stdout.trim() || undefined,
      () => undefined,
    );
  const [top, head, current] = await Promise.all([
    git('rev-parse', '--show-toplevel'),
    git('symbolic-ref', '--short', 'refs/remotes/origin/HEAD'),
    git('symbolic-ref', '--short', 'HEAD'),
  ]);
  const branch = head?.replace(/^origin\//, '') ?? current;
  return { name: basename(top ?? resolve(folder)), ...(branch === undefined ? {} : { branch }) };
}

const usage = (message: string, hint: string): DeployError =>
  new DeployError(ErrorType.InvalidInput, message, { hint });
