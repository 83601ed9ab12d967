import { describe, expect, test } from 'vitest';
import { cliError } from '../src/errors.ts';
import { Output, plainText } from '../src/output.ts';
import { stoqError } from '@hypermesh/stoq';

class Sink {
  text = '';
  readonly isTTY: boolean;
  constructor(isTTY = false) {
    this.isTTY = isTTY;
  }
  write(text: string): void {
    this.text += text;
  }
}

function output(options: { json?: boolean; color?: boolean; terminal?: boolean } = {}): { out: Output; stdout: Sink; stderr: Sink } {
  const [stdout, stderr] = [new Sink(options.terminal), new Sink(options.terminal)];
  return { out: new Output({ stdout, stderr, json: options.json ?? false, color: options.color ?? true }), stdout, stderr };
}

describe('output', () => {
  test('is one JSON value a result, with amounts as decimal strings and bytes as hex', () => {
    const { out, stdout, stderr } = output({ json: true });
    out.progress('working');
    out.result({ amount: 10n ** 18n, id: Uint8Array.of(1, 255) }, () => 'text');
    expect(stdout.text).toBe('{"amount":"1000000000000000000","id":"01ff"}\n');
    expect(stderr.text).toBe('');
  });

  test('is JSON that holds no control character', () => {
    const { out, stdout } = output({ json: true });
    out.result(['\u001b[2J', '\u009b2J'], () => 'text');
    expect(stdout.text).toBe('["\\u001b[2J","\\u009b2J"]\n');
  });

  test('has colours on a terminal only', () => {
    expect(output({ terminal: true }).out.style('red', 'x')).toBe('\u001b[31mx\u001b[39m');
    expect(output({ terminal: false }).out.style('red', 'x')).toBe('x');
    expect(output({ terminal: true, color: false }).out.style('red', 'x')).toBe('x');
  });

  test('aligns tables without trailing blanks and defuses control characters', () => {
    const text = output().out.table(
      ['NAME', 'STATE'],
      [
        ['a', 'ok'],
        ['long-name', '\u001b[2J'],
      ],
    );
    expect(text.split('\n').map((line) => line.trim())).toEqual(['NAME       STATE', 'a          ok', 'long-name  \ufffd[2J']);
    expect(text).not.toMatch(/ $/mu);
    expect(plainText('a\tb\nc\r\u0007\u202e')).toBe('a\tb\nc\ufffd\ufffd\ufffd');
  });

  test('lists fields in two columns', () => {
    expect(
      output().out.fields([
        ['id', 'x'],
        ['height', '5'],
      ]),
    ).toBe('id      x\nheight  5');
  });

  test('says what failed, with its code, and whether to try again', () => {
    const { out, stdout, stderr } = output();
    out.failure(stoqError('stoq.carrier_refused', { address: '127.0.0.1:1' }));
    expect(stderr.text).toBe(
      'error: The peer could not be reached at that address (address=127.0.0.1:1) [stoq.carrier_refused]\nThe same command may succeed later.\n',
    );
    expect(stdout.text).toBe('');
  });

  test('puts a failure into the one JSON value', () => {
    const { out, stdout } = output({ json: true });
    out.failure(cliError('cli.not_found', { app: 'x' }));
    expect(JSON.parse(stdout.text)).toMatchObject({ error: { code: 'cli.not_found', data: { app: 'x' }, retryable: false } });
  });
});
