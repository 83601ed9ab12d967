import { type Codec, decode, encode, type Entropy, optional, struct } from '@hypermesh/stoq';
import { type ChainBlock, chainBlockCodec } from '../consensus/block.ts';
import { type SafetyState, safetyStateCodec } from '../consensus/safety-state.ts';
import { hypermeshError } from '../errors.ts';
import type { LogRecord } from './log-segment.ts';
import { WriteAheadLog } from './write-ahead-log.ts';

/** What must be durable before a signature leaves, and the block that it vouches for. */
interface SafetyRecord {
  readonly safety: SafetyState;
  readonly block: ChainBlock | null;
}

const RECORD_TYPE_SAFETY = 1;
const safetyRecordCodec: Codec<SafetyRecord> = struct({ safety: safetyStateCodec, block: optional(chainBlockCodec) });

/** The validator's write-ahead log in terms of consensus: the newest safety state, and the blocks that are not committed yet. */
export class SafetyLog {
  readonly #log: WriteAheadLog;
  readonly #held: HeldSafety;

  private constructor(log: WriteAheadLog, held: HeldSafety) {
    this.#log = log;
    this.#held = held;
  }

  /**
   * `isNew`: nothing else of this validator exists, so a missing log is no loss. Throws `hypermesh.safety_lost` and
   * `hypermesh.wal_corrupt`.
   */
  static async open(config: { readonly directory: string; readonly entropy: Entropy; readonly isNew: boolean }): Promise<SafetyLog> {
    const held = new HeldSafety();
    const snapshot = (): readonly LogRecord[] => held.records();
    if (config.isNew && !(await WriteAheadLog.exists(config.directory))) {
      return new SafetyLog(await WriteAheadLog.create({ ...config, snapshot }), held);
    }
    const { log, records } = await WriteAheadLog.open({ ...config, snapshot });
    for (const record of records) held.take(decodeRecord(record));
    return new SafetyLog(log, held);
  }

  /** Null before the first signature. */
  get safety(): SafetyState | null {
    return this.#held.safety;
  }

  /** Blocks that were persisted and not committed, in the order in which they came. */
  get blocks(): readonly ChainBlock[] {
    return [...this.#held.blocks.values()];
  }

  /** Resolves when durable. */
  persist(safety: SafetyState, block: ChainBlock | null): Promise<void> {
    const record = { safety, block };
    this.#held.take(record);
    return this.#log.append({ type: RECORD_TYPE_SAFETY, body: encode(safetyRecordCodec, record) });
  }

  /** Blocks up to that height are durable elsewhere. */
  forget(height: number): void {
    this.#held.forget(height);
  }

  async close(): Promise<void> {
    await this.#log.close();
  }
}

class HeldSafety {
  safety: SafetyState | null = null;
  readonly blocks: Map<string, ChainBlock> = new Map();

  take({ safety, block }: SafetyRecord): void {
    this.safety = safety;
    if (block !== null) this.blocks.set(Buffer.from(block.id).toString('hex'), block);
  }

  forget(height: number): void {
    for (const [id, block] of this.blocks) if (block.height <= height) this.blocks.delete(id);
  }

  records(): LogRecord[] {
    const { safety } = this;
    if (safety === null) return [];
    const records: SafetyRecord[] = [...this.blocks.values()].map((block) => ({ safety, block }));
    if (records.length === 0) records.push({ safety, block: null });
    return records.map((record) => ({ type: RECORD_TYPE_SAFETY, body: encode(safetyRecordCodec, record) }));
  }
}

function decodeRecord({ type, body }: LogRecord): SafetyRecord {
  if (type !== RECORD_TYPE_SAFETY) throw hypermeshError('hypermesh.wal_corrupt', { type });
  return decode(safetyRecordCodec, body);
}
