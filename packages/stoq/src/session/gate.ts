import { isIPv4, isIPv6 } from 'node:net';
import type { Address } from '../carrier/carrier.ts';
import type { Clock } from '../clock.ts';
import { stoqError } from '../errors.ts';

/** What an acceptor admits before it spends a signature. */
export interface HandshakeGate {
  /** Takes a place, which the returned function frees. Throws `stoq.handshake_overload`. */
  admit(remote: Address): () => void;
}

export interface HandshakeGateLimits {
  /** Handshakes under way at once. */
  readonly handshakesMax: number;
  /** Of one address prefix: handshakes a second over time, and at once. */
  readonly ratePerSecond: number;
  readonly burst: number;
  /** Prefixes remembered; the one that was quiet longest is forgotten. */
  readonly prefixesMax: number;
}

export const DEFAULT_GATE_LIMITS: HandshakeGateLimits = {
  // Each may hold an identity of 768 KiB and wait for a signature of 7 ms: 96 MiB and half a second on two cores.
  handshakesMax: 128,
  // A core signs 140 a second; one prefix must not take it all, yet a whole local mesh starts from one.
  ratePerSecond: 100,
  burst: 200,
  prefixesMax: 4096,
};

interface Bucket {
  tokens: number;
  filledAt: number;
}

/** Bounds handshakes under way, and their rate by /24 (IPv4) or /56 (IPv6), the usual delegation to one site. */
export function createHandshakeGate(clock: Pick<Clock, 'monotonic'>, changes: Partial<HandshakeGateLimits> = {}): HandshakeGate {
  const limits = { ...DEFAULT_GATE_LIMITS, ...changes };
  const buckets = new Map<string, Bucket>();
  let underWay = 0;

  const takeToken = (prefix: string): boolean => {
    const now = clock.monotonic();
    const bucket = buckets.get(prefix) ?? { tokens: limits.burst, filledAt: now };
    bucket.tokens = Math.min(limits.burst, bucket.tokens + ((now - bucket.filledAt) * limits.ratePerSecond) / 1000);
    bucket.filledAt = now;
    buckets.delete(prefix);
    if (buckets.size >= limits.prefixesMax) buckets.delete(buckets.keys().next().value as string);
    buckets.set(prefix, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  };

  return {
    admit(remote) {
      if (underWay >= limits.handshakesMax) throw stoqError('stoq.handshake_overload', { underWay });
      if (!takeToken(prefixOf(remote))) throw stoqError('stoq.handshake_overload', { reason: 'rate' });
      underWay++;
      let held = true;
      return () => {
        if (held) underWay--;
        held = false;
      };
    },
  };
}

/** The first 24 bits of an IPv4 address, the first 56 of an IPv6 address; other hosts whole. */
export function prefixOf(remote: Address): string {
  const host = remote.slice(0, Math.max(remote.lastIndexOf(':'), 0)).replace(/^\[(.*)\]$/, '$1');
  if (isIPv4(host)) return host.slice(0, host.lastIndexOf('.'));
  if (!isIPv6(host)) return host;
  const mapped = /^::ffff:(\d+\.\d+\.\d+)\.\d+$/i.exec(host);
  if (mapped !== null) return mapped[1] as string;
  const [left = '', right] = host.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const groups = [...head, ...Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0'), ...tail];
  const fields = groups.slice(0, 4).map((group) => Number.parseInt(group, 16));
  fields[3] = (fields[3] ?? 0) & 0xff00;
  return fields.map((field) => field.toString(16)).join(':');
}
