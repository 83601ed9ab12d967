import { InvalidArgumentError, Option } from 'commander';

/** A parser of whole numbers for an option or argument. */
export function wholeNumber(min: number, max: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/u.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`is no whole number from ${min}${max === Number.MAX_SAFE_INTEGER ? '' : ` to ${max}`}`);
    }
    return value;
  };
}

// What a timer of the runtime counts to, in milliseconds of 31 bits; beyond that it would fire at once.
const SECONDS_MAX = 2_147_483;

/** A parser of durations in seconds, fractions allowed. */
export function seconds(text: string): number {
  const value = Number(text);
  if (!/^\d+(?:\.\d{1,3})?$/u.test(text) || value <= 0 || value > SECONDS_MAX) {
    throw new InvalidArgumentError(`is no number of seconds up to ${SECONDS_MAX}, e.g. 30 or 0.5`);
  }
  return value;
}

const PAYMENT_ID = /^[0-9a-f]{32}$/u;

/** What makes a payment safe to repeat. */
export function paymentOption(): Option {
  return new Option('--payment-id <hex>', 'pay once under this id of 32 hexadecimal digits, however often this is run').argParser(
    (text) => {
      if (!PAYMENT_ID.test(text)) throw new InvalidArgumentError('is not 32 hexadecimal digits in lower case');
      return text;
    },
  );
}

/** A parser for options that may be given several times. */
export function collected(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** A parser for repeated options of the form `NAME=VALUE`. */
export function pairs(text: string, before: readonly NamedValue[] = []): readonly NamedValue[] {
  const at = text.indexOf('=');
  if (at <= 0) throw new InvalidArgumentError('is not NAME=VALUE');
  return [...before, { name: text.slice(0, at), value: text.slice(at + 1) }];
}

export interface NamedValue {
  readonly name: string;
  readonly value: string;
}

/** Lines for the end of a help page. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`;
}
