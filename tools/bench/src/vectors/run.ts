import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Crypto } from '@hypermesh/stoq';
import { checkCertificateTransparency } from './certificate-transparency.ts';
import { checkFalcon } from './falcon.ts';
import type { SuiteResult } from './suite.ts';
import { checkAesGcm, checkEd25519, checkMlDsa44, checkMlKem1024, checkX25519 } from './wycheproof.ts';

/** Runs every suite whose file is in the directory; a missing file is an error of the caller. */
export async function runSuites(directory: string, crypto: Crypto): Promise<readonly SuiteResult[]> {
  const file = (name: string): Promise<string> => readFile(join(directory, name), 'utf8');
  return [
    checkFalcon('falcon-1024 round 3', await file('falcon1024-round3-kat.rsp'), crypto),
    checkFalcon('falcon-1024 pqclean', await file('falcon1024-pqclean-kat.txt'), crypto),
    checkMlKem1024(await file('wycheproof-mlkem_1024.json')),
    checkMlDsa44(await file('wycheproof-mldsa_44_verify.json'), crypto),
    checkEd25519(await file('wycheproof-ed25519.json'), crypto),
    checkX25519(await file('wycheproof-x25519.json')),
    checkAesGcm(await file('wycheproof-aes_gcm.json')),
    checkCertificateTransparency(),
  ];
}
