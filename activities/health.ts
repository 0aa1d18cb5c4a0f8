import type { HealthRule } from '../src/contracts/target.ts';
import type { HttpAnswer } from '../src/domain/health-rules.ts';
import { parseProbeBody } from '../src/domain/probe-body.ts';
import { sayings } from '../src/domain/said.ts';
import { quote } from '../src/domain/shell-quote.ts';

/** More of an answer, its headers included, is not read. */
const answerBytes = 262_144;
const cutShort = 'longer than 256 KB, of which the rest was not read';

/**
 * Asks every URL at once, in the background, with the host's curl, as the playbook does. Redirects are answers, not
 * followed: what was asked for must be fine by itself.
 */
export function askScript(rules: HealthRule[]): string {
  if (rules.length === 0) return '';
  return `command -v curl >/dev/null || echo "nocurl 1"
${askFunction}${rules.map((rule, index) => askLine(rule, index)).join('')}`;
}

/** Waits for the answers and says `answer INDEX CODE SECONDS ANSWER ERROR` for each, the last two base64. */
export const answersScript = (rules: HealthRule[]): string =>
  rules.length === 0 ? '' : 'echo "at curl"\nwait\ncat "$scratch"/*.line\n';

/** Each line has a file of its own: long ones, written at once, would run into each other. */
const askFunction = `ask() {
  local mine=$scratch/$1 line meta='000 0' said=''
  # The URL goes through standard input: the process list is everybody's to read.
  printf 'url = %s\\n' "$3" | curl --silent --show-error --globoff --max-time "$2" --include --suppress-connect-headers \\
    --user-agent deploy-by-commit --write-out '%{stderr}meta %{http_code} %{time_total}\\n' --config - 2>"$mine.said" |
    head -c ${answerBytes} | base64 -w0 >"$mine.answer"
  while read -r line; do
    case $line in 'meta '*) meta=\${line#meta } ;; *) said+="$line " ;; esac
  done <"$mine.said"
  [ -z "$said" ] || said=$(printf %s "$said" | base64 -w0)
  echo "answer $1 $meta $(<"$mine.answer") . $said" >"$mine.line"
}
`;

const askLine = (rule: HealthRule, index: number): string =>
  `ask ${index} ${(rule.timeoutMs / 1000).toFixed(3)} ${quote(`"${rule.url.replace(/["\\]/g, '\\$&')}"`)} &\n`;

export function parseAnswers(output: string, rules: HealthRule[]): Map<string, HttpAnswer> {
  const answers = new Map<string, HttpAnswer>();
  const said = sayings(output);
  const noCurl = said('nocurl').length > 0;
  rules.forEach((rule, index) => {
    const line = /^(\d+) ([\d.,]+) (\S*) \. (\S*)$/.exec(said(`answer ${index}`)[0] ?? '');
    if (noCurl) {
      answers.set(rule.name, { error: 'the host has no curl to ask with; install it, or ask with `from: worker`' });
    } else if (line) {
      const [, code = '0', seconds = '0', answer = '', why = ''] = line;
      answers.set(
        rule.name,
        toAnswer(rule, Number(code), Number(seconds.replace(',', '.')), Buffer.from(answer, 'base64'), text(why)),
      );
    }
  });
  return answers;
}

const text = (base64: string): string => Buffer.from(base64, 'base64').toString('utf8');

function toAnswer(rule: HealthRule, status: number, seconds: number, answer: Buffer, said: string): HttpAnswer {
  const why = said.trim().replace(/^curl: /, '');
  const cut = answer.length >= answerBytes;
  // Where we stop reading, curl complains that it cannot write. Anything else means that the answer did not come whole.
  if (status === 0 || (!cut && /^\(\d+\)/.test(why))) {
    return { error: `${rule.url}: ${status === 0 ? '' : `status ${status}, but `}${why || 'no answer'}` };
  }
  const { head, body } = parts(answer.toString('utf8'));
  if (cut && body === undefined) return { error: `${rule.url}: status ${status}, with headers ${cutShort}` };
  const headers = Object.fromEntries(
    head
      .split(/\r?\n/)
      .slice(1)
      .map((line) => /^([^:]+):\s*(.*)$/.exec(line))
      .flatMap((match) => (match ? [[(match[1] ?? '').toLowerCase(), match[2] ?? '']] : [])),
  );
  const encoding = headers['content-encoding'];
  const unread = cut ? cutShort : encoding && `compressed (${encoding}) though nobody asked for it`;
  return {
    status,
    headers,
    body: parseProbeBody(body ?? ''),
    latencyMs: Math.round(seconds * 1000),
    ...(unread ? { unread } : {}),
  };
}

/** `body` is missing when the headers have no end. */
function parts(answer: string): { head: string; body?: string } {
  const [, head = answer, body] = /^(.*?)\r?\n\r?\n(.*)$/s.exec(answer) ?? [];
  // Interim answers (100 Continue) come first.
  if (body !== undefined && /^HTTP\/\S+ 1\d\d\b/.test(head)) return parts(body);
  return { head, ...(body === undefined ? {} : { body }) };
}

/** The public view: asked by the worker itself. */
export async function askFromWorker(rule: HealthRule, signal?: AbortSignal): Promise<HttpAnswer> {
  const timeout = AbortSignal.timeout(rule.timeoutMs);
  const began = performance.now();
  try {
    const response = await fetch(rule.url, {
      redirect: 'manual',
      headers: { 'user-agent': 'deploy-by-commit' },
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    const { body, cut } = await readBody(response);
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: parseProbeBody(body),
      latencyMs: Math.round(performance.now() - began),
      ...(cut ? { unread: cutShort } : {}),
    };
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (timeout.aborted) return { error: `${rule.url}: no whole answer within ${rule.timeoutMs} ms` };
    return { error: `${rule.url}: ${reasonOf(error)}` };
  }
}

/** `fetch failed` says nothing; why is in its cause, of which there is one for each address of a name. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError) return [...new Set(error.errors.map(reasonOf))].join(', ');
  return error.cause === undefined ? error.message : reasonOf(error.cause);
}

/** As text; what goes beyond the limit is not read. */
export async function readBody(response: Response): Promise<{ body: string; cut: boolean }> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    length += value.length;
    if (length > answerBytes) {
      await reader.cancel();
      break;
    }
  }
  const body = Buffer.concat(chunks).subarray(0, answerBytes).toString('utf8');
  return { body, cut: length > answerBytes };
}
