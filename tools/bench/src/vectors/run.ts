import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Crypto } from '@hypermesh/stoq';
import { benchError } from '../errors.ts';
import { checkCertificateTransparency } from './certificate-transparency.ts';
import { checkFalcon } from './falcon.ts';
import type { SuiteResult } from './suite.ts';
import { checkAesGcm, checkEd25519, checkMlDsa44, checkMlKem1024, checkX25519 } from './wycheproof.ts';

const SUITES: readonly (readonly [file: string, check: (text: string, crypto: Crypto) => SuiteResult])[] = [
  ['falcon1024-round3-kat.rsp', (text, crypto) => checkFalcon('falcon-1024 round 3', text, crypto)],
  ['falcon1024-pqclean-kat.txt', (text, crypto) => checkFalcon('falcon-1024 pqclean', text, crypto)],
  ['wycheproof-mlkem_1024.json', checkMlKem1024],
  ['wycheproof-mldsa_44_verify.json', checkMlDsa44],
  ['wycheproof-ed25519.json', checkEd25519],
  ['wycheproof-x25519.json', checkX25519],
  ['wycheproof-aes_gcm.json', checkAesGcm],
];

/** What the directory must hold; the README says where each is published. */
export const VECTOR_FILES: readonly string[] = SUITES.map(([file]) => file);

/** Runs every suite. Throws `bench.vectors_unusable` for a file that is not there or holds something else. */
export async function runSuites(directory: string, crypto: Crypto): Promise<readonly SuiteResult[]> {
  const results: SuiteResult[] = [];
  for (const [file, check] of SUITES) results.push(await runSuite(join(directory, file), (text) => check(text, crypto)));
  return [...results, checkCertificateTransparency()];
}

async function runSuite(path: string, check: (text: string) => SuiteResult): Promise<SuiteResult> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw benchError('bench.vectors_unusable', { path, reason: cause.code }, { cause });
  });
  try {
    return check(text);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw benchError('bench.vectors_unusable', { path, reason: 'not JSON' }, { cause });
  }
}
