import { createHmac } from 'node:crypto';
import type { NotifyChannel } from '../../src/contracts/target.ts';
import { render } from '../../src/domain/notification.ts';
import { request, type Telling } from './request.ts';

/**
 * A JSON document, signed as docs/notifications.md says: HMAC-SHA256 of `TIMESTAMP.BODY`. The time is part of what is
 * signed, so that a message that was overheard cannot be sent again for ever.
 */
export async function tellWebhook(
  { webhook, secret: key, template }: Extract<NotifyChannel, { webhook: unknown }>,
  { message, secret, signal, delivery }: Telling,
): Promise<void> {
  const { event, target, facts, link } = message;
  const body = JSON.stringify({ event, target, ...facts, link, message: render(template, message) });
  const timestamp = String(Math.floor(Date.now() / 1000));
  const signature = key && createHmac('sha256', secret(key.env)).update(`${timestamp}.${body}`).digest('hex');
  const fixed = typeof webhook === 'string';
  await request({
    name: fixed ? 'webhook' : webhook.env,
    url: fixed ? webhook : secret(webhook.env),
    headers: {
      'content-type': 'application/json',
      'x-dbc-event': event,
      'x-dbc-delivery': delivery,
      'x-dbc-timestamp': timestamp,
      ...(signature === undefined ? {} : { 'x-dbc-signature': `sha256=${signature}` }),
    },
    body,
    signal,
  });
}
