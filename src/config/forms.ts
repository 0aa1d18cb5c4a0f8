import * as z from 'zod';
import type { CelProblem } from '../domain/cel.ts';
import { parseDuration } from '../domain/duration.ts';
import type { NameRule } from '../domain/names.ts';
import { placeholderNames, unknownPlaceholder } from '../domain/notification.ts';
import { oneLine } from '../domain/observed.ts';
import { suggestion } from './suggestion.ts';

// The leaves of the schema. Every `error` goes on after the word "expected".

/** Text that is not empty and fits. Editors show what is expected as the title, and check the pattern. */
export const text = (expected: string, fits: (value: string) => boolean = () => true, pattern?: RegExp) =>
  z
    .string({ error: expected })
    .min(1, expected)
    // No argument, variable or file name can hold them.
    .refine((value) => !/[\0\p{Surrogate}]/u.test(value), `${expected}, without NUL and half characters`)
    .refine(fits, expected)
    .meta({ title: expected, ...(pattern === undefined ? {} : { pattern: pattern.source }) });
/** Text of a pattern. */
export const like = (expected: string, pattern: RegExp) => text(expected, (value) => pattern.test(value), pattern);
export const named = (by: NameRule) => text(`${by.what}: ${by.expected}`, by.fits, by.pattern);
/** Without control characters, line breaks among them. */
export const isVisible = (value: string): boolean => /^\P{Cc}*$/u.test(value);
/** A file or folder, relative to the config file. */
export const path = () => text('a path without control characters', isVisible);

const week = 7 * 24 * 3_600_000;
export const durationForm = 'a duration such as 500ms, 15s, 2m or 1h, more than 0 and at most 7d';
/** For editors. Which of them are too long, only `isDuration` knows. */
const durationPattern = /^(0|\d{1,6}(ms|s|m|h|d))$/;
export const isDuration = (value: string): boolean => {
  const ms = parseDuration(value);
  return ms !== undefined && ms > 0 && ms <= week;
};
/** Without a unit it would be a guess, so there are no bare numbers. */
export const duration = (byDefault: string) => text(durationForm, isDuration, durationPattern).default(byDefault);
/** Or none at all. */
export const orZero = (byDefault: string | 0) => {
  const isZeroOr = (value: string) => value === '0' || isDuration(value);
  return z
    .union([z.literal(0), text(durationForm, isZeroOr, durationPattern)], { error: `${durationForm}, or 0` })
    .default(byDefault);
};
export const count = (byDefault: number) => {
  const expected = 'a whole number from 1 to 1000';
  return z.int({ error: expected }).min(1, expected).max(1000, expected).default(byDefault).meta({ title: expected });
};
/** One of a few words. */
export const oneOf = <const T extends readonly string[]>(...choices: T) =>
  z.enum(choices, { error: `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}` });

/** A message with placeholders; `offset` leads the error to the one that does not exist. */
export const messageTemplate = () =>
  text('a text').superRefine((template, context) => {
    const unknown = unknownPlaceholder(template);
    if (unknown === undefined) return;
    const known = placeholderNames.map((each) => `{${each}}`).join(', ');
    context.addIssue({
      code: 'custom',
      message: `no placeholder but ${known}, not {${unknown.name}}.${suggestion(unknown.name, placeholderNames)}`,
      params: { offset: unknown.offset },
    });
  });

/** A CEL condition; `offset` leads the error to the character. */
export const condition = (problemOf: (expression: string) => CelProblem | undefined) =>
  z
    .string({ error: 'a CEL condition' })
    .superRefine((expression, context) => {
      const problem = problemOf(expression);
      if (problem === undefined) return;
      context.addIssue({
        code: 'custom',
        // It may quote a character that is none to be shown.
        message: `a CEL condition (${oneLine(problem.message)})`,
        params: { offset: problem.offset },
      });
    })
    .meta({ title: 'a CEL condition' });
