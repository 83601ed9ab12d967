import { stoqError } from '../../errors.ts';
import type { Address, CarrierBinding, CarrierConnection } from '../carrier.ts';
import { systemClock, type Timer } from '../../clock.ts';
import { type ConnectionPair, createConnectionPair } from './connection.ts';

/** Something on its way between two hosts. */
export interface Delivery {
  readonly from: string;
  readonly to: string;
  /** Number of the stream within its connection; -1 for the connection's own opening and end. */
  readonly stream: number;
  readonly bytes: number;
}

export interface MemoryNetworkOptions {
  readonly timer?: Timer;
  /**
   * Delay of a delivery in milliseconds, by default 0 (delivered within the call). Streams that differ in delay
   * overtake each other; one direction of one stream keeps its order.
   */
  readonly delayMs?: (delivery: Delivery) => number;
  /** Bytes written to a stream and not yet read, at most; by default 256 KiB. */
  readonly streamWindowBytes?: number;
}

export interface MemoryEndpoint {
  readonly key: Uint8Array | null;
  accept(connection: CarrierConnection): void;
}

const STREAM_WINDOW_BYTES: number = 256 * 1024;
// The dynamic range of RFC 6335, section 6.
const FIRST_FREE_PORT = 49_152;
const PORT_MAX = 65_535;
const CONNECTION_EVENT = -1;

/** The paths between the memory carriers of one process, and the script that troubles them. */
export class MemoryNetwork {
  readonly timer: Timer;
  readonly #options: MemoryNetworkOptions;
  readonly #endpoints = new Map<Address, MemoryEndpoint>();
  readonly #live = new Map<ConnectionPair, string>();
  readonly #held = new Map<string, (() => void)[]>();
  #nextPort = FIRST_FREE_PORT;
  #nextHost = 1;

  constructor(options: MemoryNetworkOptions = {}) {
    this.#options = options;
    this.timer = options.timer ?? systemClock;
  }

  /** Ends all connections between two hosts on both sides; answers how many. */
  cut(one: string, other: string): number {
    const path = pathOf(one, other);
    const pairs = [...this.#live].filter(([, where]) => where === path).map(([pair]) => pair);
    for (const pair of pairs) pair.cut();
    return pairs.length;
  }

  /** Holds back all deliveries and openings between two hosts: to each the other has fallen silent. */
  hold(one: string, other: string): void {
    const path = pathOf(one, other);
    this.#held.set(path, this.#held.get(path) ?? []);
  }

  /** Delivers what was held back, in order, and lets later deliveries pass. */
  release(one: string, other: string): void {
    const path = pathOf(one, other);
    const waiting = this.#held.get(path) ?? [];
    this.#held.delete(path);
    for (const resume of waiting) resume();
  }

  /** For carriers: takes an address, port 0 meaning any free one. Throws `stoq.carrier_address`. */
  bind(address: Address, endpoint: MemoryEndpoint): Address {
    const { host, port } = splitAddress(address);
    let bound = port === 0 ? `${host}:${this.#takePort()}` : address;
    while (port === 0 && this.#endpoints.has(bound)) bound = `${host}:${this.#takePort()}`;
    if (this.#endpoints.has(bound)) throw stoqError('stoq.carrier_address', { address, reason: 'in use' });
    this.#endpoints.set(bound, endpoint);
    return bound;
  }

  /** For carriers. */
  unbind(address: Address): void {
    this.#endpoints.delete(address);
  }

  /** For carriers: a host text that no other carrier of this network has. */
  freeHost(): string {
    return `memory-${this.#nextHost++}`;
  }

  /** For carriers: opens a connection. Throws `stoq.carrier_refused`; does not settle while the path is held. */
  async connect(from: string, key: Uint8Array | null, to: Address): Promise<CarrierConnection> {
    const { host } = splitAddress(to);
    const opened = Promise.withResolvers<CarrierConnection>();
    const answer = (act: () => void): void => this.#schedule({ from: host, to: from, stream: CONNECTION_EVENT, bytes: 0 }, act);
    this.#schedule({ from, to: host, stream: CONNECTION_EVENT, bytes: 0 }, () => {
      const endpoint = this.#endpoints.get(to);
      if (endpoint === undefined) {
        answer(() => opened.reject(stoqError('stoq.carrier_refused', { address: to })));
        return;
      }
      const pair = this.#establish(from, to, bindingOf(key, endpoint.key));
      endpoint.accept(pair.listener);
      answer(() => opened.resolve(pair.dialer));
    });
    return opened.promise;
  }

  #establish(from: string, to: Address, binding: CarrierBinding): ConnectionPair {
    const { host } = splitAddress(to);
    const pair = createConnectionPair({
      dialer: `${from}:${this.#takePort()}`,
      listener: to,
      binding,
      streamWindowBytes: this.#options.streamWindowBytes ?? STREAM_WINDOW_BYTES,
      schedule: (role, stream, bytes, deliver) => {
        const [source, target] = role === 'dialer' ? [from, host] : [host, from];
        this.#schedule({ from: source, to: target, stream, bytes }, deliver);
      },
    });
    this.#live.set(pair, pathOf(from, host));
    void Promise.all([pair.dialer.closed, pair.listener.closed]).then(() => this.#live.delete(pair));
    return pair;
  }

  #schedule(delivery: Delivery, deliver: () => void): void {
    const waiting = this.#held.get(pathOf(delivery.from, delivery.to));
    if (waiting !== undefined) {
      waiting.push(() => this.#schedule(delivery, deliver));
      return;
    }
    const delayMs = this.#options.delayMs?.(delivery) ?? 0;
    if (delayMs === 0) deliver();
    else this.timer.after(delayMs, deliver);
  }

  #takePort(): number {
    if (this.#nextPort > PORT_MAX) this.#nextPort = FIRST_FREE_PORT;
    return this.#nextPort++;
  }
}

export function createMemoryNetwork(options: MemoryNetworkOptions = {}): MemoryNetwork {
  return new MemoryNetwork(options);
}

/** Splits `host:port`, the host being any text without a colon or in brackets. Throws `stoq.carrier_address`. */
export function splitAddress(address: Address): { readonly host: string; readonly port: number } {
  const parts = /^([^:[\]]+|\[[^[\]]+\]):(0|[1-9][0-9]{0,4})$/.exec(address);
  const port = Number(parts?.[2]);
  if (parts === null || port > PORT_MAX) throw stoqError('stoq.carrier_address', { address });
  return { host: parts[1] as string, port };
}

function pathOf(one: string, other: string): string {
  return [one, other].toSorted().join(' ');
}

function bindingOf(dialer: Uint8Array | null, listener: Uint8Array | null): CarrierBinding {
  return dialer === null || listener === null ? { kind: 'none' } : { kind: 'keys', dialer, listener };
}
