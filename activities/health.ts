import type { HealthRule } from '../src/contracts/target.ts';
import type { HttpAnswer } from '../src/domain/health-rules.ts';
import { quote } from '../src/domain/shell-quote.ts';

/** More of an answer than this is not read. */
const bodyBytes = 262_144;

/**
 * Asks every URL at once, in the background, with the host's curl, as the playbook does. Redirects are answers, not
 * followed: what was asked for must be fine by itself.
 */
export function askScript(rules: HealthRule[]): string {
  if (rules.length === 0) return '';
  // Each answer has a file of its own: lines of this length, written at once, would run into each other.
  return `command -v curl >/dev/null || echo "nocurl 1"
mkdir "$scratch/answers"
${askFunction}${rules.map((rule, index) => askLine(rule, index)).join('')}`;
}

/** Waits for the answers and says `answer INDEX CODE SECONDS HEADERS BODY ERROR` for each, the last three base64. */
export const answersScript = (rules: HealthRule[]): string =>
  rules.length === 0 ? '' : 'echo "at curl"\nwait\ncat "$scratch"/answers/*\n';

const askFunction = `ask() {
  dir=$scratch/ask$1
  mkdir "$dir"
  # The URL goes through standard input: the process list is everybody's to read.
  printf 'url = %s\\n' "$3" | curl --silent --show-error --globoff --max-time "$2" --dump-header "$dir/headers" \\
    --user-agent deploy-by-commit --write-out '%{stderr}meta %{http_code} %{time_total}\\n' --config - 2>"$dir/said" |
    head -c ${bodyBytes} >"$dir/body"
  meta=$(sed -n 's/^meta //p' "$dir/said")
  echo "answer $1 \${meta:-000 0} $(base64 -w0 <"$dir/headers") . $(base64 -w0 <"$dir/body") . $(grep -v '^meta ' "$dir/said" | base64 -w0)" >"$scratch/answers/$1"
}
`;

const askLine = (rule: HealthRule, index: number): string =>
  `ask ${index} ${(rule.timeoutMs / 1000).toFixed(3)} ${quote(`"${rule.url.replace(/["\\]/g, '\\$&')}"`)} &\n`;

export function parseAnswers(output: string, rules: HealthRule[]): Map<string, HttpAnswer> {
  const answers = new Map<string, HttpAnswer>();
  const noCurl = /^nocurl 1$/m.test(output);
  rules.forEach((rule, index) => {
    const line = new RegExp(`^answer ${index} (\\d+) ([\\d.,]+) (\\S*) \\. (\\S*) \\. (\\S*)$`, 'm').exec(output);
    if (noCurl) {
      answers.set(rule.name, { error: 'the host has no curl to ask with; install it, or ask with `from: worker`' });
    } else if (line) {
      const [, code = '0', seconds = '0', headers = '', body = '', said = ''] = line;
      answers.set(
        rule.name,
        toAnswer(rule, Number(code), Number(seconds.replace(',', '.')), text(headers), text(body), text(said)),
      );
    }
  });
  return answers;
}

const text = (base64: string): string => Buffer.from(base64, 'base64').toString('utf8');

function toAnswer(
  rule: HealthRule,
  status: number,
  seconds: number,
  head: string,
  body: string,
  said: string,
): HttpAnswer {
  if (status === 0) return { error: `${rule.url}: ${said.trim().replace(/^curl: /, '') || 'no answer'}` };
  // After interim answers (100 Continue) the last block counts.
  const block =
    head
      .trim()
      .split(/\r?\n\r?\n/)
      .at(-1) ?? '';
  const headers = Object.fromEntries(
    block
      .split(/\r?\n/)
      .slice(1)
      .map((line) => /^([^:]+):\s*(.*)$/.exec(line))
      .flatMap((match) => (match ? [[(match[1] ?? '').toLowerCase(), match[2] ?? '']] : [])),
  );
  return { status, headers, body: parseBody(body), latencyMs: Math.round(seconds * 1000) };
}

function parseBody(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
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
    const body = await readBody(response);
    const latencyMs = Math.round(performance.now() - began);
    return { status: response.status, headers: Object.fromEntries(response.headers), body: parseBody(body), latencyMs };
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (timeout.aborted) return { error: `${rule.url}: no answer within ${rule.timeoutMs} ms` };
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : '';
    return { error: `${rule.url}: ${cause || String(error)}` };
  }
}

async function readBody(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    length += value.length;
    if (length > bodyBytes) {
      await reader.cancel();
      break;
    }
  }
  return Buffer.concat(chunks).subarray(0, bodyBytes).toString('utf8');
}
