/** docs/reference/cli.md: every command with its arguments and options, from the program itself. */

import type { Argument, CommandUnknownOpts, Option } from '@commander-js/extra-typings';
import { Help } from '@commander-js/extra-typings';
import { commonOptions, exitCodes } from '../../src/cli/help.ts';
import { pathOf } from '../../src/cli/program.ts';
import { cell } from './config.ts';

export function cliReference(program: CommandUnknownOpts): string {
  const commands = leaves(program);
  const shared = sharedOptions(commands);
  return [
    '# `dbc`',
    '',
    '<!-- Written by `npm run reference` from src/cli/program.ts. -->',
    '',
    program.description(),
    '',
    '| command | does |',
    '| --- | --- |',
    ...commands.map((one) => `| [\`${titleOf(one)}\`](#${anchor(titleOf(one))}) | ${cell(one.description())} |`),
    '',
    'Of most commands:',
    '',
    ...optionTable(shared),
    '',
    '```',
    exitCodes.trim(),
    '```',
    '',
    ...commands.flatMap((one) => commandSection(one, shared)),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
}

function commandSection(command: CommandUnknownOpts, shared: readonly Option[]): string[] {
  const all = optionsOf(command);
  const isShared = (one: Option): boolean => shared.some((each) => sameOption(each, one));
  const own = all.filter((one) => !isShared(one));
  const common = all.filter(isShared).map(({ long }) => `\`${long}\``);
  const args = command.registeredArguments.filter(({ description }) => description !== '');
  const description = command.description();
  return [
    `## \`${titleOf(command)}\``,
    '',
    `${description.charAt(0).toUpperCase()}${description.slice(1)}.`,
    '',
    ...(args.length > 0 ? ['| argument | |', '| --- | --- |', ...args.map(argumentRow), ''] : []),
    ...(own.length > 0 ? [...optionTable(own), ''] : []),
    ...(common.length > 0 ? [`Also ${common.join(', ')}.`, ''] : []),
  ];
}

const optionTable = (options: readonly Option[]): string[] => [
  '| option | |',
  '| --- | --- |',
  ...options.map((one) => `| \`${one.flags}\` | ${cell(new Help().optionDescription(one))} |`),
];

const argumentRow = (one: Argument): string =>
  `| \`${one.name().toUpperCase()}\` | ${cell(new Help().argumentDescription(one))} |`;

/** Commands that do something themselves. */
const leaves = (command: CommandUnknownOpts): CommandUnknownOpts[] =>
  command.commands.length === 0
    ? [command]
    : new Help()
        .visibleCommands(command)
        .filter((one) => one.name() !== 'help')
        .flatMap(leaves);

const optionsOf = (command: CommandUnknownOpts): Option[] => command.createHelp().visibleOptions(command);

/** Each common flag as most commands have it. Where it means something else, the command lists it itself. */
function sharedOptions(commands: readonly CommandUnknownOpts[]): Option[] {
  const all = commands.flatMap(optionsOf).filter(({ long }) => commonOptions.has(long ?? ''));
  return all.filter((one, index) => all.findIndex(({ long }) => long === one.long) === index);
}

const sameOption = (a: Option, b: Option): boolean => a.flags === b.flags && a.description === b.description;
const titleOf = (command: CommandUnknownOpts): string =>
  [pathOf(command), ...command.registeredArguments.map(term)].join(' ');
const term = (one: Argument): string => {
  const name = `${one.name().toUpperCase()}${one.variadic ? '...' : ''}`;
  return one.required ? name : `[${name}]`;
};
/** As GitHub makes it of a heading. */
const anchor = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^\w\s-]/g, '')
    .replaceAll(' ', '-');
