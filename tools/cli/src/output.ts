import { styleText } from 'node:util';
import { CodedError } from '@hypermesh/stoq';
import Table from 'cli-table3';

/** Where a command writes; a terminal is a stream that says so. */
export interface TextSink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

export interface OutputOptions {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly json: boolean;
  /** False also when the environment sets NO_COLOR. */
  readonly color: boolean;
}

export type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow' | 'cyan';

/**
 * What a command tells: its result on standard output, as text for people or as exactly one JSON value; everything else
 * on standard error. In JSON bigints are decimal strings and bytes lower-case hex.
 */
export class Output {
  readonly json: boolean;
  readonly #options: OutputOptions;

  constructor(options: OutputOptions) {
    this.json = options.json;
    this.#options = options;
  }

  /** The result, or one of many: `value` as one line of JSON with `--json`, otherwise the text for people. */
  result(value: unknown, text: () => string): void {
    const written = this.json ? `${jsonText(value)}\n` : ensureNewline(text());
    this.#options.stdout.write(written);
  }

  /** What happens meanwhile; silent with `--json` unless standard error is a terminal. */
  progress(text: string): void {
    if (this.json && this.#options.stderr.isTTY !== true) return;
    this.#options.stderr.write(ensureNewline(text));
  }

  /** What must not be missed: told in every case. */
  notice(text: string): void {
    this.#options.stderr.write(ensureNewline(text));
  }

  /** A failure: what, where, and how to mend it, with its code. `hint` is the advice for people. */
  failure(error: unknown, hint: string = ''): void {
    const coded = error instanceof CodedError ? error : undefined;
    if (this.json) {
      const body = {
        code: coded?.code ?? 'internal',
        message: messageOf(error),
        data: coded?.data ?? {},
        retryable: coded?.retryable ?? false,
      };
      this.#options.stdout.write(`${jsonText({ error: body })}\n`);
      return;
    }
    const code = coded === undefined ? '' : this.style('dim', ` [${coded.code}]`, 'stderr');
    this.#options.stderr.write(`${this.style('red', 'error:', 'stderr')} ${plainText(messageOf(error))}${code}\n`);
    const advice = hint !== '' ? hint : coded?.retryable === true ? 'The same command may succeed later.' : '';
    if (advice !== '') this.#options.stderr.write(`${plainText(advice)}\n`);
  }

  table(head: readonly string[], rows: readonly (readonly string[])[]): string {
    const table = new Table({
      head: head.map((title) => this.style('bold', title)),
      style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 0 },
      chars: BARE,
    });
    table.push(...rows.map((row) => row.map((cell) => plainText(cell))));
    return table
      .toString()
      .split('\n')
      .map((line) => line.trimEnd())
      .join('\n');
  }

  /** `name  value` lines with the values in one column. */
  fields(entries: readonly (readonly [string, string])[]): string {
    const width = Math.max(0, ...entries.map(([name]) => name.length));
    return entries.map(([name, value]) => `${this.style('dim', name.padEnd(width))}  ${plainText(value)}`).join('\n');
  }

  style(style: Style, text: string, stream: 'stdout' | 'stderr' = 'stdout'): string {
    const colored = this.#options.color && this.#options[stream].isTTY === true;
    return colored ? styleText(style, text, { validateStream: false }) : text;
  }
}

// Every control character but line feed and tab, and what turns the direction of text.
const CONTROL = /[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/gu;
// Those that JSON does not escape by itself.
const UNESCAPED_CONTROL = /[\u007f-\u009f]/gu;

const BARE = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

function jsonText(value: unknown): string {
  const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value, jsonValue).replaceAll(UNESCAPED_CONTROL, escaped);
}

function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return value;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function ensureNewline(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}

/** Text that others wrote must not move the cursor or change the terminal. */
export function plainText(text: string): string {
  return text.replaceAll(CONTROL, '\ufffd');
}
