import {
  AEAD_KEY_BYTES,
  AEAD_NONCE_BYTES,
  type Crypto,
  decapsulate,
  equalBytes,
  openAead,
  sealAead,
  seededKeyPair,
  x25519SharedSecret,
} from '@hypermesh/stoq';
import { fromHex, type SuiteResult, suiteResult, type Verdict } from './suite.ts';

type Fields = Readonly<Record<string, string>>;

interface WycheproofTest {
  readonly tcId: number;
  readonly result: 'valid' | 'invalid' | 'acceptable';
  readonly flags: readonly string[];
}

type Group = { readonly tests: readonly (WycheproofTest & Fields)[]; readonly publicKey: string | { readonly pk: string } };

function check(
  suite: string,
  text: string,
  judge: (test: WycheproofTest & Fields, group: Group) => boolean | undefined,
  reason = '',
): SuiteResult {
  const { testGroups } = JSON.parse(text) as { readonly testGroups: readonly Group[] };
  const verdicts: Verdict[] = testGroups.flatMap((group) =>
    group.tests.map((test) => ({ name: `tcId ${test.tcId}`, agrees: judge(test, group) })),
  );
  return suiteResult(suite, verdicts, reason);
}

export function checkEd25519(text: string, crypto: Crypto): SuiteResult {
  return check('wycheproof ed25519', text, (test, { publicKey }) => {
    const bytes = fromHex((publicKey as { readonly pk: string }).pk);
    const key = { algorithm: 'ed25519', bytes } as const;
    const accepted = crypto.verify(key, fromHex(test.msg as string), { algorithm: 'ed25519', bytes: fromHex(test.sig as string) });
    return accepted === (test.result === 'valid');
  });
}

export function checkMlDsa44(text: string, crypto: Crypto): SuiteResult {
  const judge = (test: WycheproofTest & Fields, { publicKey }: Group): boolean | undefined => {
    if (test.ctx !== undefined && test.ctx !== '') return undefined;
    const key = { algorithm: 'ml-dsa-44', bytes: fromHex(publicKey as string) } as const;
    const accepted = crypto.verify(key, fromHex(test.msg as string), { algorithm: 'ml-dsa-44', bytes: fromHex(test.sig as string) });
    return accepted === (test.result === 'valid');
  };
  return check('wycheproof ml-dsa-44', text, judge, 'a context string, which the stack never uses');
}

/** Key from seed, encapsulation key where given, secret from ciphertext; malformed input must be refused. */
export function checkMlKem1024(text: string): SuiteResult {
  return check('wycheproof ml-kem-1024', text, (test) => {
    try {
      const pair = seededKeyPair('ml-kem-1024', fromHex(test.seed as string));
      if (test.ek !== undefined && !equalBytes(pair.publicKey.bytes, fromHex(test.ek))) return false;
      const secret = decapsulate(pair.secretKey, fromHex(test.c as string));
      return test.result === 'valid' && equalBytes(secret, fromHex(test.K as string));
    } catch {
      return test.result === 'invalid';
    }
  });
}

/** Points on the twist and non-canonical points agree with RFC 7748; an all-zero result must be refused (section 6.1). */
export function checkX25519(text: string): SuiteResult {
  return check('wycheproof x25519', text, (test) => {
    try {
      const key = { algorithm: 'x25519', bytes: fromHex(test.private as string) } as const;
      const shared = x25519SharedSecret(key, { algorithm: 'x25519', bytes: fromHex(test.public as string) });
      return equalBytes(shared, fromHex(test.shared as string));
    } catch {
      return test.flags.includes('ZeroSharedSecret');
    }
  });
}

export function checkAesGcm(text: string): SuiteResult {
  const judge = (test: WycheproofTest & Fields): boolean | undefined => {
    const [key, nonce] = [fromHex(test.key as string), fromHex(test.iv as string)];
    if (key.length !== AEAD_KEY_BYTES || nonce.length !== AEAD_NONCE_BYTES) return undefined;
    const associatedData = fromHex(test.aad as string);
    const sealed = fromHex(`${test.ct as string}${test.tag as string}`);
    const plaintext = fromHex(test.msg as string);
    const opened = openAead({ key, nonce, sealed, associatedData });
    if (test.result === 'invalid') return opened === null;
    return opened !== null && equalBytes(opened, plaintext) && equalBytes(sealAead({ key, nonce, plaintext, associatedData }), sealed);
  };
  return check('wycheproof aes-256-gcm', text, judge, 'another size of key or nonce than the one that the stack uses');
}
