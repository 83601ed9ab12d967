import type { Crypto, HybridPublicKey } from '@hypermesh/stoq';
import { trustError } from '../errors.ts';
import type { Certificate } from './certificate.ts';

/** Both legs against the issuer's keys. Throws `trustchain.signature_failed` with the leg that failed. */
export function verifyCertificateSignature(certificate: Certificate, issuerKey: HybridPublicKey, crypto: Crypto): void {
  const { signed, alternativeSigned, signature, commonName } = certificate;
  if (!crypto.verify(issuerKey.classical, signed, signature.classical)) {
    throw trustError('trustchain.signature_failed', { leg: 'ed25519', subject: commonName });
  }
  if (!crypto.verify(issuerKey.postQuantum, alternativeSigned, signature.postQuantum)) {
    throw trustError('trustchain.signature_failed', { leg: 'falcon1024', subject: commonName });
  }
}
