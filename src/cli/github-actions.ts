import { appendFileSync, existsSync } from 'node:fs';
import type { DeployView } from '../contracts/deploy.ts';
import { explainCommand } from '../domain/deploy-error.ts';
import type { CommandFailure } from './failure.ts';

/**
 * What GitHub Actions takes from a step: workflow commands in its log, and files for its outputs and its summary. Present
 * in a step only (GITHUB_ACTIONS=true).
 *
 * Source of the forms: GitHub's documentation, "Workflow commands for GitHub Actions".
 */
export class GithubActions {
  readonly #env: NodeJS.ProcessEnv;
  readonly #write: (line: string) => void;
  #group: string | undefined;

  static in(env: NodeJS.ProcessEnv, write: (line: string) => void): GithubActions | undefined {
    return env['GITHUB_ACTIONS'] === 'true' ? new GithubActions(env, write) : undefined;
  }

  private constructor(env: NodeJS.ProcessEnv, write: (line: string) => void) {
    this.#env = env;
    this.#write = write;
  }

  /** What follows belongs to this group of the log; without a title, to none. Groups do not nest. */
  group(title?: string): void {
    if (title === this.#group) return;
    if (this.#group !== undefined) this.#write('::endgroup::');
    if (title !== undefined) this.#write(`::group::${escaped(title)}`);
    this.#group = title;
  }

  annotate(level: 'error' | 'warning', title: string, message: string, place: Record<string, string> = {}): void {
    this.group();
    const properties = Object.entries({ ...place, title }).map(([name, value]) => `${name}=${escapedProperty(value)}`);
    this.#write(`::${level} ${properties.join(',')}::${escaped(message)}`);
  }

  failed({ type, message, hint }: Omit<CommandFailure, 'exitCode'>, title = 'dbc'): void {
    // Mistakes in a config that is checked out here are shown in it, each at its place.
    const places = [...message.matchAll(/^ *(\S+):(\d+):(\d+): (.*)$/gm)].filter(([, file = '']) => existsSync(file));
    for (const [, file = '', line = '', col = '', said = ''] of places) {
      this.annotate('error', title, `${type}: ${said}`, { file, line, col });
    }
    if (places.length > 0) return;
    const lines = [`${type}: ${message}`, ...(hint ? [`What to do: ${hint}`] : []), `More: ${explainCommand(type)}`];
    this.annotate('error', title, lines.join('\n'));
  }

  /**
   * Annotations and outputs of a deploy that has ended.
   *
   * @param unreported how it was closed, where it left no report
   */
  ended(view: DeployView, unreported: string | undefined): void {
    const { target, kind, outcome, failure, abort, warnings, hosts } = view;
    if (failure && outcome !== 'succeeded') {
      const { step, host } = failure;
      this.failed(failure, `${kind} of ${target} failed${step ? ` in ${step}` : ''}${host ? ` on ${host}` : ''}`);
    }
    if (unreported !== undefined) this.annotate('error', `${kind} of ${target} was ended from outside`, unreported);
    if (abort?.accepted) this.annotate('error', `${kind} of ${target} aborted`, `by ${abort.by}: ${abort.reason}`);
    const all = [...warnings, ...hosts.flatMap((host) => host.warnings.map((text) => `${host.host}: ${text}`))];
    for (const text of all) this.annotate('warning', `${kind} of ${target}`, text);
    const before = new Set(hosts.flatMap((host) => host.before ?? []));
    this.#outputs({ outcome: outcome ?? '', commit: view.commit ?? '', previous: [...before].join(',') });
  }

  /** What stands beside the step, in Markdown. */
  summarize(markdown: string): void {
    this.#append('GITHUB_STEP_SUMMARY', `${markdown}\n`);
  }

  #outputs(outputs: Record<string, string>): void {
    const lines = Object.entries(outputs).map(([name, value]) => {
      // Outcomes and SHAs; anything else, as a broken host may say, could be more outputs than this one.
      return `${name}=${/^[\w,-]*$/.test(value) ? value : ''}\n`;
    });
    this.#append('GITHUB_OUTPUT', lines.join(''));
  }

  /** A deploy is what it is, also where its runner cannot be told of it. */
  #append(variable: string, text: string): void {
    const file = this.#env[variable];
    if (!file) return;
    try {
      appendFileSync(file, text);
    } catch (error) {
      this.annotate('warning', 'dbc', `${variable} could not be written: ${(error as Error).message}`);
    }
  }
}

/** A line that the runner would take for a command, made one that it does not: hosts and git say what they like. */
export const inert = (line: string): string =>
  line.replace(/^(\s*):(?=:)/, `$1:${wordJoiner}`).replaceAll('##[', `#${wordJoiner}#[`);

/** Takes no room, and nothing is broken at it. */
const wordJoiner = '\u2060';

const escaped = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');

const escapedProperty = (text: string): string => escaped(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
