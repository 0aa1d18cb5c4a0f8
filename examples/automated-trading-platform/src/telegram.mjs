// Off unless it is asked for and both secrets are there. A message at start shows whether sending works.
const { RUN_TELEGRAM, TELEGRAM_BOT_TOKEN, TELEGRAM_CHAT_ID, TELEGRAM_API_URL } = process.env;

const enabled = ['1', 'true'].includes(RUN_TELEGRAM ?? '') && Boolean(TELEGRAM_BOT_TOKEN && TELEGRAM_CHAT_ID);
let lastSendOk = null;

export function telegramHealth() {
  return {
    status: enabled && lastSendOk !== false ? 'PASS' : 'FAIL',
    enabled,
    chat_id_set: Boolean(TELEGRAM_CHAT_ID),
    last_send_ok: lastSendOk,
  };
}

export async function send(text) {
  if (!enabled) return;
  try {
    const url = `${TELEGRAM_API_URL || 'https://api.telegram.org'}/bot${TELEGRAM_BOT_TOKEN}/sendMessage`;
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ chat_id: TELEGRAM_CHAT_ID, text }),
      signal: AbortSignal.timeout(5000),
    });
    lastSendOk = answer.ok;
  } catch {
    lastSendOk = false;
  }
  // Never the error itself: its text may hold the URL, and with it the token.
  if (!lastSendOk) console.error('telegram: the message was not sent');
}
