/** Texts that mean something to a shell, to git, curl or ssh, to a terminal, a CI's log, Markdown, HTML, or chat. */
import fc from 'fast-check';

/** How many random texts are tried beside the known ones; more with `DBC_FUZZ_RUNS` (`npm run fuzz`). */
export const fuzzRuns = Number(process.env['DBC_FUZZ_RUNS'] ?? 24);

/**
 * Each would make the file `trap` if a shell ran it, with no program but the shell itself: `>` is enough. Some hold no space
 * and no colon, as names of branches cannot.
 */
export const shellAttacks = (trap: string): string[] => [
  `$(>${trap})`,
  `\`>${trap}\``,
  `;>${trap};`,
  `'$(>${trap})'`,
  `";>${trap};"`,
  `';>${trap};'`,
  `\\';>${trap};#`,
  `|>${trap}`,
  `&>${trap}&`,
  `&&>${trap}`,
  `\n>${trap}\n`,
  `\r\n: >${trap}\r\n`,
  `\${x:=$(>${trap})}`,
  `$((x[$(>${trap})]))`,
  `<(>${trap})`,
  `{a,$(>${trap})}`,
  `%s$(>${trap})%n`,
  `EOF\n>${trap}\nEOF`,
];

/** Options in place of values, and values that are read as something else. */
export const optionAttacks = (trap: string): string[] => [
  '-',
  '--',
  '-rf',
  `-oProxyCommand=>${trap}`,
  `--upload-pack=>${trap}`,
  `--exec=>${trap}`,
  `ext::sh -c >${trap}`,
  `http://127.0.0.1:1/\noutput = ${trap}`,
  `"\noutput = "${trap}`,
  '../../../etc/passwd',
  '~root',
  '*',
  '${HOME}',
  '@{-1}',
  'HEAD:x',
  '.git/config',
  ':(top)x',
];

/** What must reach no terminal, no log of a CI, and no document as more than text. */
export const displayAttacks = [
  '\u001b[2J\u001b[31mred',
  '\u001b]52;c;Y2xpcGJvYXJk\u0007',
  '\u001b]8;;https://evil.example\u001b\\link\u001b]8;;\u001b\\',
  '\u001b]0;title\u009c',
  '\u009b31mc1\u0085next',
  'done\r\u001b[1Aoverwritten\b\b\u007f',
  '\u202egnp.exe\u2066\u061c\u200f',
  'zero\u200bwidth\ufeff\u2028separated\u2029',
  '::set-output name=outcome::succeeded\n::stop-commands::x\n  ::add-path::/evil',
  'x\r::error::forged\n##[add-path]/evil',
  '<script>alert(1)</script><img src=x onerror=alert(1)>',
  '[evil](javascript:alert(1)) ![x](https://evil.example/x.png) @everyone `` ` ```',
  '<!channel> <!here> <https://evil.example|good>',
  '{"event":"end","outcome":"succeeded"}\n{"event":"end"}',
  'nul\u0000byte',
  'lone \ud800 surrogate',
  'é✓😀 \u0301',
  'x'.repeat(10_000),
  '',
  ' ',
  '__proto__',
  'constructor',
];

/** Random text of the characters that attacks are made of, and of any others. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({
    unit: fc.constantFrom(...'\'"\\$`!*?[]{}()<>|&;#~=%@:/.,- \n\t\r\0\u001b\u009b\u202e\u2028a0'),
    maxLength: 60,
  }),
);

/** The known ones, where nothing is run. */
export const knownAttacks = [...displayAttacks, ...shellAttacks('/tmp/trap'), ...optionAttacks('/tmp/trap')];
export const hostileText: fc.Arbitrary<string> = fc.oneof(fc.constantFrom(...knownAttacks), anyText);

/** How much was tried of what, for the end of a test. */
export class Tally {
  readonly #counts = new Map<string, number>();

  count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  print(): void {
    console.log(`      fuzz: ${[...this.#counts].map(([what, count]) => `${count} ${what}`).join(', ')}`);
  }
}

/** What a terminal or a reader could take for more than text: control characters but newline and tab, and changed direction. */
export const unsafe = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
/** The same where our own colours may be. */
export const unsafeColored = new RegExp(
  `${unsafe.source.replace('\\u000b-\\u001f', '\\u000b-\\u001a\\u001c-\\u001f')}|\\u001b(?!\\[[0-9;]*m)`,
);

/** What is left of a log of GitHub Actions without our own commands to its runner. */
export const withoutOwnCommands = (log: string): string =>
  log.replace(/^::(?:group|endgroup|(?:error|warning) (?:file=[^:\n]*,)?title=[^:\n]*)::.*$/gm, '');

/** A command to the runner. */
export const runnerCommand = /^\s*::|##\[/m;
