import { createHash, type Hash } from 'node:crypto';
import type { Codec } from '../codec/codec.ts';
import { encode } from '../codec/codec.ts';
import { bytesUpTo, oneOf, struct } from '../codec/combinators.ts';
import type { CarrierBinding } from '../carrier/carrier.ts';
import { plainBytes } from '../crypto/bytes.ts';
import { labelled } from '../crypto/hashes.ts';
import { writeFrameHead } from './frame.ts';
import { MESSAGE } from './messages.ts';

const LABEL = 'stoq/transcript/1';
const CARRIER_KEY_BYTES_MAX = 64;

const bindingCodec: Codec<{ readonly kind: 'none' | 'keys'; readonly dialer: Uint8Array; readonly listener: Uint8Array }> = struct({
  kind: oneOf('none', 'keys'),
  dialer: bytesUpTo(CARRIER_KEY_BYTES_MAX),
  listener: bytesUpTo(CARRIER_KEY_BYTES_MAX),
});

/**
 * SHA-512 over the carrier binding and the plaintext messages so far, each behind its type and length. It starts with
 * the binding, so that a relay between two carriers changes every later hash.
 */
export class Transcript {
  readonly #hash: Hash = createHash('sha512').update(labelled(LABEL, new Uint8Array()));

  constructor(binding: CarrierBinding) {
    const none = new Uint8Array();
    const keys = binding.kind === 'keys' ? binding : { dialer: none, listener: none };
    this.add(MESSAGE.binding, encode(bindingCodec, { kind: binding.kind, dialer: keys.dialer, listener: keys.listener }));
  }

  add(type: number, body: Uint8Array): this {
    const head = new Uint8Array(4);
    writeFrameHead(head, 0, type, body.length);
    this.#hash.update(head).update(body);
    return this;
  }

  /** 64 bytes; more may be added. */
  digest(): Uint8Array {
    return plainBytes(this.#hash.copy().digest());
  }
}
