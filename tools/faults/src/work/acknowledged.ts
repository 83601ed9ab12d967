/** Everything that the mesh has acknowledged to the writer; bytes are lower-case hex. */
export interface Acknowledged {
  readonly transactions: AcknowledgedTransaction[];
  /** Entries of the package log and certificates, by log. */
  readonly entries: AcknowledgedEntry[];
  readonly blobs: { readonly digest: string; readonly size: number }[];
  readonly packages: { readonly name: string; readonly version: string; readonly root: string }[];
  /** The newest checkpoint seen of each log. */
  readonly heads: Partial<Record<WrittenLog, { readonly size: number; readonly root: string }>>;
  readonly transfers: { readonly account: string; acknowledged: string };
  /** The app and how many replicas it was last scaled to. */
  readonly app: { readonly name: string; replicas: number };
  /** Units of all accounts; `null` before the first look. */
  total: string | null;
}

export type WrittenLog = 'certificates' | 'packages';

export interface AcknowledgedTransaction {
  readonly id: string;
  /** Encoded receipt. */
  readonly receipt: string;
}

export interface AcknowledgedEntry {
  readonly log: WrittenLog;
  readonly index: number;
  readonly entry: string;
}

export function nothingAcknowledged(account: string, app: { readonly name: string; readonly replicas: number }): Acknowledged {
  return {
    transactions: [],
    entries: [],
    blobs: [],
    packages: [],
    heads: {},
    transfers: { account, acknowledged: '0' },
    app: { ...app },
    total: null,
  };
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}
