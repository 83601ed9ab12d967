import { type FileHandle, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Entropy, syncDirectory } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import {
  encodeGroup,
  GROUP_RECORDS_MAX,
  type LogRecord,
  scanSegment,
  SEGMENT_HEADER_BYTES,
  SEGMENT_KEY_BYTES,
  segmentHeader,
  segmentKey,
} from './log-segment.ts';

export interface WriteAheadLogConfig {
  readonly directory: string;
  readonly entropy: Entropy;
  /** Everything that is still needed, as the first entries of a new segment. Asked when a segment is full. */
  readonly snapshot: () => readonly LogRecord[];
  readonly segmentBytes?: number;
}

// About a thousand entries of a mesh of four: a new segment every half minute under load.
export const SEGMENT_BYTES: number = 8 * 1024 * 1024;

const SEGMENT_NAME = /^(\d{10})\.wal$/;

interface Waiting {
  readonly record: LogRecord;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Append-only records of a validator's safety, durable when `append` resolves. One segment is live; a full one is replaced by a
 * new one that begins with a snapshot, so that recovery reads the newest segment only.
 */
export class WriteAheadLog {
  readonly #config: WriteAheadLogConfig;
  #segment: Segment;
  readonly #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #failure: unknown;

  private constructor(config: WriteAheadLogConfig, segment: Segment) {
    this.#config = config;
    this.#segment = segment;
  }

  static async exists(directory: string): Promise<boolean> {
    return (await segmentNumbers(directory)).length > 0;
  }

  /** For a validator that has never run. Creating is not opening: a log that is gone must not look like a new one. */
  static async create(config: WriteAheadLogConfig): Promise<WriteAheadLog> {
    await mkdir(config.directory, { recursive: true, mode: 0o700 });
    return new WriteAheadLog(config, await createSegment(config, 1, config.snapshot()));
  }

  /** Throws `hypermesh.safety_lost` when there is no log and `hypermesh.wal_corrupt` when it cannot be trusted. */
  static async open(config: WriteAheadLogConfig): Promise<{ log: WriteAheadLog; records: readonly LogRecord[] }> {
    const numbers = await segmentNumbers(config.directory);
    const newest = numbers.at(-1);
    if (newest === undefined) throw hypermeshError('hypermesh.safety_lost', { directory: config.directory });
    const { segment, records } = await openSegment(config.directory, newest);
    await removeOthers(config.directory, newest);
    return { log: new WriteAheadLog(config, segment), records };
  }

  /** Resolves when the record is on the disk. Entries given meanwhile share one write. */
  append(record: LogRecord): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#waiting.push({ record, resolve, reject });
      this.#writing ??= this.#drain();
    });
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#segment.file.close();
    this.#failure ??= hypermeshError('hypermesh.wal_closed');
  }

  async #drain(): Promise<void> {
    // Lets everything that this turn of the event loop appends into the first write.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, GROUP_RECORDS_MAX);
      try {
        await this.#write(group.map(({ record }) => record));
        for (const { resolve } of group) resolve();
      } catch (cause) {
        // After a failed write or sync nobody knows what is on the disk: no later record may count.
        this.#failure = hypermeshError('hypermesh.wal_failed', { reason: (cause as Error).message }, { cause });
        for (const { reject } of [...group, ...this.#waiting.splice(0)]) reject(this.#failure);
      }
    }
    this.#writing = undefined;
  }

  async #write(records: readonly LogRecord[]): Promise<void> {
    const segment = this.#segment;
    const group = encodeGroup(segment.key, segment.end, records);
    if (segment.end + group.length > segment.bytes) {
      await this.#replaceSegment(records);
      return;
    }
    await writeAll(segment.file, group, segment.end);
    await segment.file.datasync();
    segment.end += group.length;
  }

  async #replaceSegment(records: readonly LogRecord[]): Promise<void> {
    const old = this.#segment;
    this.#segment = await createSegment(this.#config, old.number + 1, [...this.#config.snapshot(), ...records]);
    await old.file.close();
    await rm(segmentPath(this.#config.directory, old.number));
  }
}

interface Segment {
  readonly number: number;
  readonly file: FileHandle;
  readonly key: Uint8Array;
  readonly bytes: number;
  end: number;
}

/** The name appears only when the segment with its first entries is whole on the disk. */
async function createSegment(config: WriteAheadLogConfig, number: number, first: readonly LogRecord[]): Promise<Segment> {
  const { directory, entropy, segmentBytes = SEGMENT_BYTES } = config;
  const key = entropy.bytes(SEGMENT_KEY_BYTES);
  const group = first.length === 0 ? new Uint8Array() : encodeGroup(key, SEGMENT_HEADER_BYTES, first);
  const end = SEGMENT_HEADER_BYTES + group.length;
  // Preallocated, so that a later sync has no metadata to write; twice what it begins with, so that it is not full at once.
  const bytes = Math.max(segmentBytes, 2 * end);
  const image = new Uint8Array(bytes);
  image.set(segmentHeader(key));
  image.set(group, SEGMENT_HEADER_BYTES);
  const path = segmentPath(directory, number);
  const file = await open(`${path}.new`, 'w+', 0o600);
  try {
    await writeAll(file, image, 0);
    await file.sync();
    await rename(`${path}.new`, path);
    await syncDirectory(directory);
  } catch (error) {
    await file.close();
    throw error;
  }
  return { number, file, key, bytes, end };
}

async function openSegment(directory: string, number: number): Promise<{ segment: Segment; records: readonly LogRecord[] }> {
  const path = segmentPath(directory, number);
  const image = await readFile(path);
  const key = segmentKey(image);
  if (key === null) throw hypermeshError('hypermesh.wal_corrupt', { path, offset: 0 });
  const { records, end, state } = scanSegment(image, key);
  if (state === 'corrupt') throw hypermeshError('hypermesh.wal_corrupt', { path, offset: end });
  const file = await open(path, 'r+');
  if (state === 'torn') {
    await writeAll(file, new Uint8Array(image.length - end), end);
    await file.sync();
  }
  return { segment: { number, file, key, bytes: image.length, end }, records };
}

/** What an interrupted replacement left behind. */
async function removeOthers(directory: string, newest: number): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name !== segmentName(newest)) await rm(join(directory, name));
  }
}

async function segmentNumbers(directory: string): Promise<number[]> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names
    .flatMap((name) => SEGMENT_NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += (await file.write(bytes, written, bytes.length - written, position + written)).bytesWritten;
  }
}

function segmentPath(directory: string, number: number): string {
  return join(directory, segmentName(number));
}

function segmentName(number: number): string {
  return `${String(number).padStart(10, '0')}.wal`;
}
