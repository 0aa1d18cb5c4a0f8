import { cleanTerminal } from '../src/domain/redaction.ts';
import type { Observer } from './observer.ts';

/** Takes a line as people read it; an `entry` says the same in parts. */
export type Log = (line: string, entry?: LogEntry) => void;

export interface LogEntry {
  level: 'info' | 'warn' | 'error';
  message: string;
  /** What it is about, as far as that is known. */
  facts?: LogFacts;
}

/** Nothing else gets into a log of JSON, so that nothing gets there by accident. */
const factNames = [
  ...([
    'target',
    'commit',
    'step',
    'host',
    'deploy',
    'kind',
    'outcome',
    'actor',
    'error',
    'seconds',
    'attempt',
  ] as const),
  ...(['workflowId', 'runId', 'trace_id', 'span_id'] as const),
];

export type LogFacts = { [name in (typeof factNames)[number]]?: unknown };

export const logFormats = ['text', 'json'] as const;
export type LogFormat = (typeof logFormats)[number];

/** A log whose lines do no harm in the terminal of whoever reads it. */
export function createLog(format: LogFormat, write: (line: string) => void): Log {
  return format === 'text'
    ? // Who makes us log a line break cannot make it look like a line of ours.
      (line) => write(cleanTerminal(line).trimEnd().replaceAll('\n', '\n  '))
    : (line, entry = { level: 'info', message: line }) => write(jsonLine(entry));
}

function jsonLine({ level, message, facts = {} }: LogEntry): string {
  const texts = { time: new Date().toISOString(), level, message: cleanTerminal(message) };
  const about = factNames.map((name) => [
    name,
    typeof facts[name] === 'string' ? cleanTerminal(facts[name]) : facts[name],
  ]);
  return JSON.stringify({ ...texts, ...Object.fromEntries(about) });
}

/** Passes on what has no secret in it any more. */
export function redacting(log: Log, redact: (text: string) => string): Log {
  // A terminal's escapes in the midst of a secret would hide it.
  const shown = (text: string): string => redact(cleanTerminal(text));
  return (line, entry) =>
    log(
      shown(line),
      entry && {
        level: entry.level,
        message: shown(entry.message),
        facts: Object.fromEntries(
          Object.entries(entry.facts ?? {}).map(([name, value]) => [name, textOf(value, shown)]),
        ),
      },
    );
}

const textOf = (value: unknown, shown: (text: string) => string): unknown =>
  value === undefined || typeof value === 'number' ? value : shown(String(value));

/** Tells of every step and of every deploy that ends: too much for a log that people read, who have `dbc status`. */
export function logEvents(log: Log): Observer {
  const say = (level: LogEntry['level'], message: string, facts: LogFacts): void =>
    log(message, { level, message, facts });
  return {
    stepBegan: (facts) => say('info', `${facts.step} began`, { ...facts }),
    stepEnded(facts, { outcome, seconds, attempt, error }) {
      const why = error && `${error.type}: ${error.message}`;
      const level = outcome === 'failed' ? 'error' : why ? 'warn' : 'info';
      say(level, `${facts.step} ${outcome}`, { ...facts, outcome, attempt, seconds: rounded(seconds), error: why });
    },
    deployEnded({ tookMs, known: _, ...facts }) {
      const level = facts.outcome === 'succeeded' ? 'info' : facts.outcome === 'needs-operator' ? 'error' : 'warn';
      say(level, `${facts.kind} ended: ${facts.outcome}`, { ...facts, seconds: rounded(tookMs / 1000) });
    },
  };
}

const rounded = (seconds: number): number => Math.round(seconds * 1000) / 1000;
