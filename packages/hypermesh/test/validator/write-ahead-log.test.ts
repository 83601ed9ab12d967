import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemEntropy } from '@hypermesh/stoq';
import { describe, expect, test } from 'vitest';
import { ALIGNMENT_BYTES, type LogRecord, scanSegment, SEGMENT_HEADER_BYTES, segmentKey } from '../../src/validator/log-segment.ts';
import { WriteAheadLog, type WriteAheadLogConfig } from '../../src/validator/write-ahead-log.ts';
import { temporaryDirectory } from '../executor/fixture.ts';

const SEGMENT = '0000000001.wal';
const record = (text: string): LogRecord => ({ type: 1, body: Buffer.from(text) });
const texts = (records: readonly LogRecord[]): string[] => records.map(({ body }) => Buffer.from(body).toString());
const configOf = (directory: string, fields: Partial<WriteAheadLogConfig> = {}): WriteAheadLogConfig => ({
  directory,
  entropy: systemEntropy,
  snapshot: () => [],
  segmentBytes: 4096,
  ...fields,
});

async function readAll(directory: string): Promise<string[]> {
  const { log, records } = await WriteAheadLog.open(configOf(directory));
  await log.close();
  return texts(records);
}

/** A closed log with those entries, each in a write of its own. */
async function written(entries: readonly string[]): Promise<string> {
  const directory = await temporaryDirectory();
  const log = await WriteAheadLog.create(configOf(directory));
  for (const entry of entries) await log.append(record(entry));
  await log.close();
  return directory;
}

describe('write-ahead log', () => {
  test('gives back what was appended, in order, and goes on', async () => {
    const directory = await written(['a', 'b']);
    const { log, records } = await WriteAheadLog.open(configOf(directory));
    expect(texts(records)).toEqual(['a', 'b']);
    await Promise.all(['c', 'd', 'e'].map((entry) => log.append(record(entry))));
    await log.close();
    expect(await readAll(directory)).toEqual(['a', 'b', 'c', 'd', 'e']);
    await expect(log.append(record('f'))).rejects.toMatchObject({ code: 'hypermesh.wal_closed' });
  });

  test('entries of one moment share one write', async () => {
    const directory = await temporaryDirectory();
    const log = await WriteAheadLog.create(configOf(directory));
    await Promise.all(['a', 'b', 'c'].map((entry) => log.append(record(entry))));
    await log.close();
    const image = await readFile(join(directory, SEGMENT));
    const alone = (await readFile(join(await written(['a']), SEGMENT))).length;
    const { records, end } = scanSegment(image, segmentKey(image)!);
    expect([texts(records), image.length]).toEqual([['a', 'b', 'c'], alone]);
    expect(end - SEGMENT_HEADER_BYTES).toBeLessThan(3 * 2 * ALIGNMENT_BYTES);
  });

  test('a missing log is a loss, never a new one', async () => {
    const directory = await temporaryDirectory();
    expect(await WriteAheadLog.exists(join(directory, 'none'))).toBe(false);
    await expect(WriteAheadLog.open(configOf(directory))).rejects.toMatchObject({ code: 'hypermesh.safety_lost' });
  });

  test('begins a new segment with the snapshot when one is full, and drops the old one', async () => {
    const directory = await temporaryDirectory();
    let kept: string[] = [];
    const log = await WriteAheadLog.create(configOf(directory, { snapshot: () => kept.map(record) }));
    for (let at = 0; at < 100; at++) {
      kept = [`kept-${at - 1}`];
      await log.append(record(`${at}-${'x'.repeat(200)}`));
    }
    await log.close();
    const names = await readdir(directory);
    expect(names).toHaveLength(1);
    expect(names).not.toContain(SEGMENT);
    const [first, ...rest] = await readAll(directory);
    expect(first).toMatch(/^kept-/);
    expect(rest.at(-1)).toMatch(/^99-/);
    expect(Number(rest[0]!.split('-')[0])).toBe(Number(first!.split('-')[1]) + 1);
  });

  test('takes an entry that is larger than a segment', async () => {
    const directory = await written(['a']);
    const { log } = await WriteAheadLog.open(configOf(directory));
    await log.append(record('x'.repeat(10_000)));
    await log.append(record('y'));
    await log.close();
    expect((await readAll(directory)).map((text) => text.length)).toEqual([10_000, 1]);
  });
});

describe('after a crash', () => {
  test('a tail that is torn at any byte is cut, and the log goes on', async () => {
    const whole = await written(['first', 'second', 'third, the one that a crash tears']);
    const image = await readFile(join(whole, SEGMENT));
    const { end } = scanSegment(image, segmentKey(image)!);
    const start = scanSegment(image.subarray(0, end - ALIGNMENT_BYTES), segmentKey(image)!).end;
    const home = await temporaryDirectory();
    for (let at = start; at < end; at++) {
      for (const [form, torn] of [
        ['zeroes', Buffer.concat([image.subarray(0, at), Buffer.alloc(image.length - at)])],
        ['short', image.subarray(0, at)],
      ] as const) {
        const directory = join(home, `${form}-${at}`);
        await mkdir(directory);
        await writeFile(join(directory, SEGMENT), torn);
        const { log, records } = await WriteAheadLog.open(configOf(directory, { snapshot: () => [record('first'), record('second')] }));
        // Padding may be all that is missing.
        expect(texts(records).slice(0, 2)).toEqual(['first', 'second']);
        await log.append(record('next'));
        await log.close();
        expect(await readAll(directory)).toEqual([...texts(records).slice(0, form === 'short' ? 2 : 3), 'next']);
      }
    }
  });

  test('damage that later records follow is no tear', async () => {
    const directory = await written(['first', 'second', 'third']);
    const path = join(directory, SEGMENT);
    const image = await readFile(path);
    const { end } = scanSegment(image, segmentKey(image)!);
    const third = scanSegment(image.subarray(0, end - ALIGNMENT_BYTES), segmentKey(image)!).end;
    for (let at = 0; at < third; at += 3) {
      const damaged = Buffer.from(image);
      damaged[at]! ^= 0x40;
      await writeFile(path, damaged);
      const isPadding = scanSegment(damaged, segmentKey(damaged) ?? new Uint8Array(32)).records.length === 3;
      if (isPadding) expect(await readAll(directory)).toEqual(['first', 'second', 'third']);
      else await expect(readAll(directory)).rejects.toMatchObject({ code: 'hypermesh.wal_corrupt' });
    }
  });

  test('a segment that was being replaced leaves the old one in force', async () => {
    const directory = await written(['a']);
    await writeFile(join(directory, '0000000002.wal.new'), 'half');
    expect(await readAll(directory)).toEqual(['a']);
    expect(await readdir(directory)).toEqual([SEGMENT]);
  });

  test('a log that cannot be written fails for good', async () => {
    const directory = await temporaryDirectory();
    const log = await WriteAheadLog.create(configOf(directory));
    await mkdir(join(directory, '0000000002.wal.new'));
    await expect(log.append(record('x'.repeat(10_000)))).rejects.toMatchObject({ code: 'hypermesh.wal_failed' });
    await expect(log.append(record('y'))).rejects.toMatchObject({ code: 'hypermesh.wal_failed' });
    await log.close();
  });

  test('nothing that was acknowledged is lost to SIGKILL', { timeout: 60_000 }, async () => {
    const directory = await temporaryDirectory();
    for (let round = 0; round < 5; round++) {
      const child = fork(new URL('./appender.entry.ts', import.meta.url), [directory], { execArgv: process.execArgv, stdio: 'inherit' });
      let acknowledged = -1;
      child.on('message', (count: number) => {
        acknowledged = count;
        if (count % 50 === 10 + round) child.kill('SIGKILL');
      });
      await once(child, 'exit');
      const entries = (await readAll(directory)).map(Number);
      expect(entries.at(-1)).toBeGreaterThanOrEqual(acknowledged);
      expect(entries).toEqual(entries.map((_, at) => entries[0]! + at));
    }
  });
});
