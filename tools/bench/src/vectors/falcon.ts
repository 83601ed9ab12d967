import type { Crypto } from '@hypermesh/stoq';
import { fromHex, type SuiteResult, suiteResult } from './suite.ts';

// A signed message of the NIST submission: length of the signature (2), nonce (40), message, signature.
const LENGTH_BYTES = 2;
const NONCE_BYTES = 40;
// Header of the compressed signature in that format, and of the detached one: 0x20 and 0x30 plus log2(1024).
const HEADER_ATTACHED = 0x2a;
const HEADER_DETACHED = 0x3a;

/** Known-answer file of the round 3 submission or of PQClean: every signature verifies, and none after one changed bit. */
export function checkFalcon(suite: string, text: string, crypto: Crypto): SuiteResult {
  const verdicts = entriesOf(text).map(({ count, msg, pk, sm }) => {
    const message = fromHex(msg);
    const signature = detached(fromHex(sm), message.length);
    const key = { algorithm: 'falcon1024', bytes: fromHex(pk) } as const;
    const verifies = (changed: Uint8Array): boolean => crypto.verify(key, changed, { algorithm: 'falcon1024', bytes: signature });
    const altered = Uint8Array.from(message);
    altered[0] = (altered[0] ?? 0) ^ 1;
    return { name: `count ${count}`, agrees: signature.length > 0 && verifies(message) && !verifies(altered) };
  });
  return suiteResult(suite, verdicts);
}

interface KnownAnswer {
  readonly count: string;
  readonly msg: string;
  readonly pk: string;
  readonly sm: string;
}

function entriesOf(text: string): KnownAnswer[] {
  const blocks = text.split(/^(?=count = )/mu).filter((block) => block.startsWith('count = '));
  return blocks.map((block) => {
    const field = (name: string): string => new RegExp(`^${name} = (.*)$`, 'mu').exec(block)?.[1]?.trim() ?? '';
    return { count: field('count'), msg: field('msg'), pk: field('pk'), sm: field('sm') };
  });
}

/** Header, nonce and compressed form; empty when the signed message is not of the expected format. */
function detached(signed: Uint8Array, messageBytes: number): Uint8Array {
  const nonce = signed.subarray(LENGTH_BYTES, LENGTH_BYTES + NONCE_BYTES);
  const attached = signed.subarray(LENGTH_BYTES + NONCE_BYTES + messageBytes);
  if (attached[0] !== HEADER_ATTACHED) return new Uint8Array();
  return Uint8Array.from([HEADER_DETACHED, ...nonce, ...attached.subarray(1)]);
}
