import type { CommandUnknownOpts, Option } from '@commander-js/extra-typings';

export interface Candidate {
  value: string;
  description: string;
}

/** What may stand where the cursor is: these words, a file, or a target's name. */
export type Expected = Candidate[] | 'file' | 'target';

/** Of the words after `dbc`, the last is the one that is typed, perhaps empty. */
export function expectedAt(program: CommandUnknownOpts, words: readonly string[]): Expected {
  const typed = words.at(-1) ?? '';
  let command = program;
  let positional = 0;
  let awaiting: Option | undefined;
  let optionsEnded = false;
  const given = new Set<Option>();
  for (const word of words.slice(0, -1)) {
    if (awaiting) awaiting = undefined;
    else if (!optionsEnded && word === '--') optionsEnded = true;
    else if (!optionsEnded && word.startsWith('-')) {
      const [flag = '', value] = word.split('=', 2);
      const option = find(command, flag);
      if (option) given.add(option);
      if (value === undefined && takesValue(option)) awaiting = option;
    } else {
      const inner = positional === 0 ? subcommand(command, word) : undefined;
      if (inner) command = inner;
      else positional++;
    }
  }
  if (awaiting) return valuesOf(awaiting);
  if (!optionsEnded && typed.startsWith('-')) return optionsFor(command, typed, given);
  return positionalsOf(command, positional);
}

/** The flags that are not there yet, or after `--flag=` its values with the flag before them. */
function optionsFor(command: CommandUnknownOpts, typed: string, given: ReadonlySet<Option>): Expected {
  const [flag = '', value] = typed.split('=', 2);
  if (value !== undefined) {
    const option = find(command, flag);
    const values = option && takesValue(option) ? valuesOf(option) : [];
    return typeof values === 'string' ? values : values.map((one) => ({ ...one, value: `${flag}=${one.value}` }));
  }
  return visible(command)
    .filter((option) => !given.has(option) || Array.isArray(option.defaultValue))
    .map(({ long, short, description }) => ({ value: long ?? short ?? '', description }));
}

function positionalsOf(command: CommandUnknownOpts, index: number): Expected {
  if (command.commands.length > 0 && index === 0) {
    return command
      .createHelp()
      .visibleCommands(command)
      .map((one) => ({ value: one.name(), description: one.description() }));
  }
  const all = command.registeredArguments;
  const argument = all[index] ?? (all.at(-1)?.variadic ? all.at(-1) : undefined);
  if (argument?.argChoices) return argument.argChoices.map((value) => ({ value, description: '' }));
  return argument && targetArguments.has(argument.name()) ? 'target' : [];
}

/** `dbc trust` takes any host too, but those of a target are what can be known here. */
const targetArguments = new Set(['target', 'host']);

function valuesOf(option: Option): Expected {
  if (option.argChoices) return option.argChoices.map((value) => ({ value, description: '' }));
  return /<file>/.test(option.flags) ? 'file' : [];
}

const find = (command: CommandUnknownOpts, flag: string): Option | undefined =>
  visible(command).find(({ long, short }) => flag === long || flag === short);
const takesValue = (option: Option | undefined): boolean =>
  option !== undefined && (option.required || option.optional);
const visible = (command: CommandUnknownOpts): Option[] => command.createHelp().visibleOptions(command);
const subcommand = (command: CommandUnknownOpts, word: string): CommandUnknownOpts | undefined =>
  command.commands.find((one) => one.name() === word);
