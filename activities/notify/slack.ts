import type { NotifyChannel } from '../../src/contracts/target.ts';
import { render } from '../../src/domain/notification.ts';
import { request, type Telling } from './request.ts';

/** Slack takes 3,000 characters in one section. */
const sectionLength = 3000;

/** Slack's incoming webhook, which Mattermost, Rocket.Chat and others understand too: those read `text` only. */
export async function tellSlack(
  { slack, template }: Extract<NotifyChannel, { slack: unknown }>,
  { message, secret, signal }: Telling,
): Promise<void> {
  const text = render(template, message, escaped);
  const [headline = '', ...details] = text.split('\n');
  const section = (lines: string) => ({
    type: 'section',
    text: { type: 'mrkdwn', text: lines.slice(0, sectionLength) },
  });
  const blocks = [section(`*${headline}*`), ...(details.length > 0 ? [section(details.join('\n'))] : [])];
  await request({
    name: slack.env,
    url: secret(slack.env),
    headers: { 'content-type': 'application/json' },
    // Written by people, a template may have a markup of its own, which bold around it would break.
    body: JSON.stringify({ text, ...(template === undefined ? { blocks } : {}) }),
    signal,
  });
}

/** The three characters of Slack's markup by which a text could mention everybody or hide a link's address. */
const escaped = (value: string): string => value.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
