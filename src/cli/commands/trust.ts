import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ShownHost, Trust } from '../../../activities/ssh/trust.ts';
import { ErrorType, ExitCode } from '../../contracts/errors.ts';
import { count } from '../../domain/count.ts';
import { DeployError } from '../../domain/deploy-error.ts';
import { keyFingerprint } from '../../domain/names.ts';
import { defaultConfig } from '../flags.ts';
import { type Person, Prompt } from '../prompt.ts';
import { table } from '../render/table.ts';
import type { OutputFlags, Terminal } from '../terminal.ts';

export interface TrustFlags extends OutputFlags {
  config?: string | undefined;
  knownHosts?: string | undefined;
  fingerprint: string[];
}

/** `dbc trust HOST`: takes the keys of a host, or of every host of a target, into its known_hosts, when a person or a fingerprint says so. */
export async function trust(
  terminal: Terminal,
  word: string,
  { config: path, knownHosts, fingerprint }: TrustFlags,
  person: Person = process,
): Promise<ExitCode> {
  const fingerprints = fingerprint.map(keyFingerprint);
  const { loadConfigFile } = await import('../../config/load.ts');
  const { placesOf } = await import('../../config/places.ts');
  const { openTrust } = await import('../../../activities/ssh/trust.ts');
  // A first host may be trusted before there is a config.
  const config =
    path !== undefined || existsSync(defaultConfig) ? await loadConfigFile(path ?? defaultConfig) : undefined;
  const { hosts, ssh } = placesOf(config, word, process.env, knownHosts && resolve(knownHosts));
  const known = openTrust(ssh, { baseDir: config?.baseDir ?? process.cwd(), env: process.env });
  const done: object[] = [];
  for (const { host, through } of known.places(hosts)) {
    const shown = await known.look(host, through, fingerprints);
    if (shown.state !== 'known') {
      terminal.warn(...shownLines(shown, known.file));
      if (fingerprint.length === 0 && !(await agreed(shown, known, person))) {
        terminal.warn('Nothing was written for it.');
        return ExitCode.failed;
      }
      await known.pin(shown);
    }
    const { state, name, wanted } = shown;
    done.push({
      host: name,
      state: outcomes[state],
      keys: wanted.map(({ type, fingerprint: print }) => ({ type, fingerprint: print })),
    });
    if (!terminal.json) terminal.print(`${name}: ${saidOf(shown)} ${known.file}`);
  }
  if (terminal.json) terminal.printJson({ file: known.file, hosts: done });
  return ExitCode.succeeded;
}

const outcomes = { known: 'known', new: 'added', changed: 'replaced' } as const;

const saidOf = ({ state, wanted, stale }: ShownHost): string =>
  state === 'known'
    ? 'known already, in'
    : state === 'new'
      ? `added ${count(wanted.length, 'key')} to`
      : `put ${count(wanted.length, 'key')} in the place of ${stale.length} in`;

function shownLines({ name, state, shown, stale }: ShownHost, file: string): string[] {
  const rows = (keys: ShownHost['shown']) =>
    table(keys.map(({ type, fingerprint }) => [type, fingerprint])).map((line) => `    ${line}`);
  return [
    ...(state === 'changed'
      ? [
          `THE KEYS OF ${name} HAVE CHANGED: it was reinstalled, or another machine answers in its place.`,
          `Known in ${file}:`,
          ...rows(stale),
        ]
      : []),
    `${name} shows:`,
    ...rows(shown),
  ];
}

/** Asks a person. A fingerprint that was pasted is as good as a yes, and better. */
async function agreed({ name, shown, state }: ShownHost, { file }: Trust, person: Person): Promise<boolean> {
  if (!person.stdin.isTTY) {
    throw new DeployError(ErrorType.InvalidInput, `expected a person to ask about ${name}, found no terminal`, {
      hint: `For scripts: --fingerprint SHA256:…, as the host itself shows it with \`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\`.`,
    });
  }
  person.stderr.write(
    'Compare one of them with what the host itself shows, on its console or in its first boot log:\n' +
      '    for key in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf "$key"; done\n',
  );
  const verb = state === 'changed' ? 'Replace what is known in' : 'Write them to';
  const prompt = new Prompt(person);
  try {
    for (;;) {
      const answer = (await prompt.ask(`${verb} ${file}? (yes, no, or the fingerprint) `)).trim();
      if (answer === 'yes' || shown.some(({ fingerprint }) => fingerprint === answer)) return true;
      if (answer === 'no' || answer === '') return false;
      person.stderr.write('Please type "yes", "no", or a fingerprint that is the same as one of those above.\n');
    }
  } finally {
    prompt.close();
  }
}
