import type { NotifyFacts } from '../contracts/notification.ts';
import { type NotifyChannel, type NotifyEvent, notifyEvents } from '../contracts/target.ts';
import { nameRules } from './names.ts';
import { shortSha } from './sha.ts';

/** The events that are about one deploy, and so the ones that a deployment on GitHub can be told of. */
export const deployEvents = notifyEvents.slice(0, 5);

/** What a message is made of. */
export interface Message {
  event: NotifyEvent;
  target: string;
  facts: NotifyFacts;
  /** To the workflow in Temporal's UI, when the worker knows where that is. */
  link?: string | undefined;
}

/** Who wants to know. GitHub keeps deployments by commit, so it cannot be told before the full SHA is known. */
export function channelsFor(
  channels: readonly NotifyChannel[],
  event: NotifyEvent,
  { commit = '' }: NotifyFacts,
): NotifyChannel[] {
  return channels.filter(
    (channel) =>
      channel.on.includes(event) &&
      !(isGithub(channel) && !(deployEvents.includes(event) && nameRules.fullSha.fits(commit))),
  );
}

export const isGithub = (channel: NotifyChannel): boolean => 'github' in channel;

/** What a person knows a channel by; never its URL, which may be a secret. */
export function nameOf(channel: NotifyChannel): string {
  if ('slack' in channel) return `Slack (${channel.slack.env})`;
  if ('github' in channel) return `GitHub (${channel.github})`;
  const { webhook } = channel;
  const place =
    typeof webhook === 'string' ? (/^https?:\/\/(?:[^/@]*@)?([^/?#]+)/.exec(webhook)?.[1] ?? '') : webhook.env;
  return `the webhook (${place})`;
}

/** The worker's variables that a channel's secrets are in. */
export function secretVariables(channel: NotifyChannel): string[] {
  if ('slack' in channel) return [channel.slack.env];
  if ('github' in channel) return [channel.token.env];
  const { webhook, secret } = channel;
  return [...(typeof webhook === 'string' ? [] : [webhook.env]), ...(secret === undefined ? [] : [secret.env])];
}

/** What is secret in the worker's environment because of these channels. */
export const channelSecrets = (
  channels: readonly NotifyChannel[],
  env: Readonly<Record<string, string | undefined>>,
): string[] => channels.flatMap(secretVariables).flatMap((name) => secretParts(env[name]?.trim() ?? ''));

/** Of a webhook's URL, receivers like to quote the path only. */
function secretParts(value: string): string[] {
  if (!URL.canParse(value)) return [value];
  const { pathname, search } = new URL(value);
  return [value, pathname, search, ...pathname.split('/')].filter((part) => part.length > 5);
}

/** What stands for what in a template. Every value but `text` is one line. */
const placeholders = {
  event: ({ event }) => event,
  target: ({ target }) => target,
  commit: ({ facts }) => shortCommit(facts.commit),
  subject: ({ facts }) => facts.subject,
  actor: ({ facts }) => facts.actor,
  outcome: ({ facts }) => facts.outcome,
  reason: ({ facts }) => facts.reason,
  text: ({ facts }) => facts.text,
  link: ({ link }) => link,
} satisfies Record<string, (message: Message) => string | undefined>;

export const placeholderNames = Object.keys(placeholders);

/** The first placeholder of a template that does not exist, with its offset. */
export function unknownPlaceholder(template: string): { name: string; offset: number } | undefined {
  for (const { 1: name = '', index } of template.matchAll(placeholder)) {
    if (!Object.hasOwn(placeholders, name)) return { name, offset: index };
  }
  return undefined;
}

const placeholder = /\{([A-Za-z_]+)\}/g;

/**
 * The message for people. Lines that are left without a word, because nothing is known for them, are dropped.
 *
 * @param escaped for what is filled in, in the receiver's markup; the template itself may use that markup
 */
export function render(
  template: string | undefined,
  message: Message,
  escaped: (value: string) => string = (value) => value,
): string {
  const value = (name: string): string => {
    const of = placeholders[name as keyof typeof placeholders];
    const found = of(message) ?? '';
    return escaped(name === 'text' ? several(found) : oneLine(found, name === 'link' ? 2000 : 300));
  };
  const filled = (template ?? defaultTemplate(message)).replace(placeholder, (_all, name: string) => value(name));
  const lines = filled.split('\n').map((line) => line.trimEnd());
  return lines.filter((line) => line !== '').join('\n');
}

/** A headline that says it all, and below it what one asks next. */
function defaultTemplate(message: Message): string {
  const { actor, reason } = message.facts;
  const why = reason === undefined ? '' : ': {reason}';
  const who = actor === undefined ? '' : `\nby {actor}${why}`;
  return `${headline(message)}${who}\n{text}\n{link}`;
}

/** One line, of the template's words and placeholders, so that values are escaped like all others. */
function headline({ event, facts }: Message): string {
  const { kind, outcome, previous } = facts;
  const subject = facts.subject ? ' “{subject}”' : '';
  const what = facts.commit ? `{commit}${subject}` : 'the newest commit';
  const before = previous === undefined ? 'what ran before' : shortCommit(previous);
  switch (event) {
    case 'started':
      return kind === 'rollback' && !facts.commit
        ? '{target}: going back to the last good release'
        : `{target}: ${kind === 'rollback' ? 'going back to' : 'deploying'} ${what}`;
    case 'succeeded':
      return `{target}: ${kind === 'rollback' ? `back on ${what}` : `${what} is deployed`}, verified`;
    case 'failed':
      if (outcome === 'aborted')
        return `{target}: the ${kind ?? 'deploy'} of ${what} was aborted; the old release runs`;
      if (outcome === 'superseded') return `{target}: the ${kind ?? 'deploy'} of ${what} was superseded by another one`;
      return `{target}: the ${kind ?? 'deploy'} of ${what} failed before anything was changed`;
    case 'rolled-back':
      return `{target}: ${what} failed and is rolled back; ${before} runs again, verified`;
    case 'needs-operator':
      return `{target}: needs an operator. The ${kind ?? 'deploy'} of ${what} failed, and ${before} could not be put back`;
    case 'unhealthy':
      return '{target}: not healthy';
    case 'healthy':
      return '{target}: healthy again';
    case 'drift':
      return facts.gone
        ? '{target}: is what its last release says again'
        : '{target}: is not what its last release says';
    case 'drill':
      if (outcome === 'succeeded') return '{target}: the rollback drill succeeded';
      if (outcome === 'not-applied') return '{target}: no rollback drill, nothing was changed';
      if (outcome === 'rolled-back') return `{target}: the rollback drill failed; ${before} runs again, verified`;
      if (outcome === 'aborted') return `{target}: the rollback drill was aborted; ${before} runs`;
      return '{target}: the rollback drill did not succeed ({outcome})';
  }
}

/** The first line of the default message, for places that have no room for more. */
export const summaryOf = (message: Message, most: number): string => oneLine(render(headline(message), message), most);

const oneLine = (text: string, most: number): string => cut(text.replace(/\s+/g, ' ').trim(), most);

/** Few lines, none of them long: whoever wants more follows the link. */
function several(text: string): string {
  const lines = text.split('\n').map((line) => oneLine(line, 300));
  const kept = lines.filter((line) => line !== '');
  return kept.length > 12 ? [...kept.slice(0, 12), `… and ${kept.length - 12} more lines`].join('\n') : kept.join('\n');
}

const cut = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

const shortCommit = (commit = ''): string => (nameRules.fullSha.fits(commit) ? shortSha(commit) : commit);
