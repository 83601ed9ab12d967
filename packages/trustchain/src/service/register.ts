import { ALGORITHMS, bytes, type Codec, decode, encode, type Role, struct, text, uint } from '@hypermesh/stoq';
import { type Certificate, parseCertificate } from '../certificate/certificate.ts';
import { trustError } from '../errors.ts';
import type { Log } from '../log/log.ts';
import { Turn } from '../log/turn.ts';
import { namesCodec, rolesCodec } from '../policy/question.ts';
import type { DurableMap } from './state-store.ts';

/** What is known of one issued certificate. */
export interface RegisteredCertificate {
  /** Lower-case hex. */
  readonly serial: string;
  readonly logIndex: number;
  readonly nodeId: Uint8Array;
  /** The Ed25519 key; the node id is the hash of the FALCON key. */
  readonly classicalKey: Uint8Array;
  readonly roles: readonly Role[];
  readonly names: readonly string[];
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/**
 * Index of the certificate log by serial, node and name. It holds nothing of its own: recovery and the ordinary path are
 * both `follow`, which reads the entries that are not indexed yet.
 */
export interface Register {
  /** Indexes the log up to its present size. */
  follow(): Promise<void>;
  /** Throws `trustchain.serial_unknown`. */
  bySerial(serial: string): Promise<RegisteredCertificate>;
  /** The newest certificate of the node. */
  byNode(nodeId: Uint8Array): Promise<RegisteredCertificate | null>;
  /** Certificates of the node that have not expired. */
  currentOf(nodeId: Uint8Array, now: number): Promise<readonly RegisteredCertificate[]>;
  /** The last certificate with that name. */
  byName(name: string): Promise<RegisteredCertificate | null>;
}

const SERIAL_CHARS_MAX = 40;
const entryCodec: Codec<RegisteredCertificate> = struct({
  serial: text(SERIAL_CHARS_MAX),
  logIndex: uint(),
  nodeId: bytes(32),
  classicalKey: bytes(ALGORITHMS.ed25519.publicKeyBytes),
  roles: rolesCodec,
  names: namesCodec,
  notBefore: uint(),
  notAfter: uint(),
});
const NEXT_INDEX = 'next';
const nextCodec = uint();

export function createRegister(stored: DurableMap, log: Pick<Log, 'size' | 'entry'>): Register {
  const turn = new Turn();

  const index = async (): Promise<void> => {
    const known = await stored.get(NEXT_INDEX);
    for (let next = known === undefined ? 0 : decode(nextCodec, known); next < log.size(); next++) {
      const entry = entryOf(parseCertificate(await log.entry(next)), next);
      const value = encode(entryCodec, entry);
      const node = hex(entry.nodeId);
      await stored.putAll([
        [`serial/${entry.serial}`, value],
        [`node/${node}`, value],
        // Sorted by expiry, so that what is current comes last.
        [`node-expiry/${node}/${sortable(entry.notAfter)}/${entry.serial}`, value],
        ...entry.names.map((name) => [`name/${name}`, value] as const),
        [NEXT_INDEX, encode(nextCodec, next + 1)],
      ]);
    }
  };

  const load = async (key: string): Promise<RegisteredCertificate | null> => {
    const found = await stored.get(key);
    return found === undefined ? null : decode(entryCodec, found);
  };

  return {
    follow: () => turn.run(index),
    async bySerial(serial) {
      const found = await load(`serial/${serial}`);
      if (found === null) throw trustError('trustchain.serial_unknown', { serial });
      return found;
    },
    byNode: (nodeId) => load(`node/${hex(nodeId)}`),
    async currentOf(nodeId, now) {
      const current: RegisteredCertificate[] = [];
      const prefix = `node-expiry/${hex(nodeId)}/`;
      for await (const [, value] of stored.entries(prefix, prefix + sortable(now))) current.push(decode(entryCodec, value));
      return current;
    },
    byName: (name) => load(`name/${name}`),
  };
}

function entryOf(certificate: Certificate, logIndex: number): RegisteredCertificate {
  const { serial, key, identity, alternativeNames, notBefore, notAfter } = certificate;
  const { nodeId, roles } = identity;
  const names = alternativeNames?.names ?? [];
  return { serial, logIndex, nodeId, classicalKey: key.classical.bytes, roles, names, notBefore, notAfter };
}

function sortable(at: number): string {
  return at.toString().padStart(16, '0');
}

function hex(id: Uint8Array): string {
  return Buffer.from(id).toString('hex');
}
