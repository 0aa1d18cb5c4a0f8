import { NoDeploy, SetupMissing, TargetBusy, TemporalUnavailable } from '../client/errors.ts';
import { ExitCode, type Problem } from '../contracts/errors.ts';
import { DeployError, explainCommand } from '../domain/deploy-error.ts';
import { cleaned } from './clean.ts';
import { exitCodeOfType } from './exit-code.ts';
import { busyLine } from './render/busy.ts';
import type { Colors, Terminal } from './terminal.ts';

/** Why a command could not do what it was asked. */
export interface CommandFailure extends Omit<Problem, 'type'> {
  type: Problem['type'] | 'TemporalUnavailable' | 'SetupMissing' | 'TargetBusy' | 'NoDeploy' | 'Unexpected';
  exitCode: ExitCode;
}

export function commandFailure(error: unknown): CommandFailure {
  return cleaned(failureOf(error));
}

function failureOf(error: unknown): CommandFailure {
  if (error instanceof DeployError) return { ...error.toProblem(), exitCode: exitCodeOfType(error.type) };
  if (error instanceof TemporalUnavailable) {
    const { message, hint } = error;
    return { type: 'TemporalUnavailable', message, hint, exitCode: ExitCode.temporalUnavailable };
  }
  if (error instanceof SetupMissing) {
    return { type: 'SetupMissing', message: error.message, hint: error.hint, exitCode: ExitCode.usage };
  }
  if (error instanceof TargetBusy) {
    const { target } = error.running.view;
    return {
      type: 'TargetBusy',
      message: busyLine(error.running.view, Date.now()),
      hint: `Watch it: \`dbc watch ${target}\`. Wait for it, or take its place: --if-busy wait, --if-busy abort.`,
      exitCode: ExitCode.refused,
    };
  }
  if (error instanceof NoDeploy) {
    const { message, unknown } = error;
    return { type: 'NoDeploy', message, exitCode: unknown ? ExitCode.usage : ExitCode.failed };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    type: 'Unexpected',
    message,
    hint: 'This is a fault of dbc itself. A deploy that was started goes on: `dbc status` tells.',
    exitCode: ExitCode.failed,
  };
}

/** For people: what was found, what to do, where there is more about it, and the last words of the command that failed. */
export function failureLines({ type, message, hint, tail }: Omit<CommandFailure, 'exitCode'>, c: Colors): string[] {
  const [first = '', ...rest] = message.split('\n');
  return [
    `${c.red(`${type}:`)} ${first}`,
    ...rest.map((line) => `  ${line}`),
    ...(hint ? [`  ${c.bold('What to do:')} ${hint}`] : []),
    `  More: ${explainCommand(type)}`,
    ...tailLines(tail, c),
  ];
}

export function tailLines(tail: string | undefined, c: Colors): string[] {
  const lines = (tail ?? '').trimEnd().split('\n');
  if (lines.length === 1 && lines[0] === '') return [];
  return ['  Last output:', ...lines.slice(-20).map((line) => c.dim(`    | ${line}`))];
}

export function reportFailure(terminal: Terminal, error: unknown): ExitCode {
  const failure = commandFailure(error);
  terminal.warn(...failureLines(failure, terminal.errColors));
  if (terminal.json) terminal.printJson({ event: 'error', ...failure });
  terminal.actions?.failed(failure);
  return failure.exitCode;
}
