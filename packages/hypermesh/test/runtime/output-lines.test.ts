import { describe, expect, it } from 'vitest';
import { LineSplitter, LOG_LINE_LENGTH_MAX, LOG_LINES_MAX, OutputLines } from '../../src/runtime/output-lines.ts';

function splitInto(...chunks: readonly string[]): readonly string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  for (const chunk of chunks) splitter.write(chunk);
  splitter.end();
  return lines;
}

describe('the output of a workload', () => {
  it('is its newest lines, each cut to its length', () => {
    const output = new OutputLines();
    for (let index = 0; index < LOG_LINES_MAX + 5; index++) output.add(`line ${index}`);
    output.add('x'.repeat(LOG_LINE_LENGTH_MAX + 1));
    const kept = output.last(LOG_LINES_MAX);
    expect([kept.length, kept[0], kept.at(-1)?.length]).toEqual([LOG_LINES_MAX, 'line 6', LOG_LINE_LENGTH_MAX]);
    expect(output.last(2)[0]).toBe(`line ${LOG_LINES_MAX + 4}`);
  });

  it('is text that a message can carry, wherever a line is cut', () => {
    const output = new OutputLines();
    output.add(`${'x'.repeat(LOG_LINE_LENGTH_MAX - 1)}\u{1f600}`);
    expect(output.last(1)[0]?.isWellFormed()).toBe(true);
  });

  it('has one line for what is added at once', () => {
    const output = new OutputLines();
    output.add('ended: one\n  two\r\nthree');
    expect(output.last(10)).toEqual(['ended: one two three']);
  });

  it('takes a line of blanks in no more time than another', () => {
    const output = new OutputLines();
    const startedAt = performance.now();
    for (let count = 0; count < LOG_LINES_MAX; count++) output.add(' '.repeat(LOG_LINE_LENGTH_MAX));
    // Looked at from each blank on anew, they take two milliseconds each.
    expect(performance.now() - startedAt).toBeLessThan(500);
  });
});

describe('a stream of text', () => {
  it.each([
    { chunks: ['a\nb', 'c\n', '\nd'], lines: ['a', 'bc', '', 'd'] },
    { chunks: ['', '\n'], lines: [''] },
    { chunks: [], lines: [] },
  ])('$chunks is $lines', ({ chunks, lines }) => {
    expect(splitInto(...chunks)).toEqual(lines);
  });

  it('that never ends its line takes no more memory than one', () => {
    const chunk = 'x'.repeat(2 ** 16);
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line));
    // Longer than the longest string of the engine.
    for (let count = 0; count < 2 ** 14; count++) splitter.write(chunk);
    splitter.write('\nnext\n');
    expect(lines.map((line) => line.length)).toEqual([LOG_LINE_LENGTH_MAX, 4]);
  });

  it('of more lines than are kept is not looked at line by line', () => {
    const lines = splitInto('\n'.repeat(1_000_000), 'last');
    expect([lines.length, lines.at(-1)]).toEqual([LOG_LINES_MAX + 1, 'last']);
  });
});
