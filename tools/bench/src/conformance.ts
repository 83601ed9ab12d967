import { parseArgs } from 'node:util';
import { createCrypto } from '@hypermesh/stoq';
import { runSuites } from './vectors/run.ts';

const USAGE = `usage: npm run conformance -- --vectors DIR [--json]

Checks the cryptography and the log against public vectors: Wycheproof (C2SP), the known answers of FALCON-1024 (NIST
round 3, PQClean) and the reference tree of RFC 6962. DIR holds the files under their published names.
`;

// What a suite that disagrees shows of its vectors.
const NAMES_SHOWN_MAX = 5;

const { values } = parseArgs({
  options: { vectors: { type: 'string' }, json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
});

if (values.help || values.vectors === undefined) {
  process.stderr.write(USAGE);
  process.exitCode = values.help ? 0 : 2;
} else {
  const crypto = await createCrypto();
  try {
    const results = await runSuites(values.vectors, crypto);
    for (const { suite, passed, failed, inapplicable, reason } of results) {
      const left = inapplicable > 0 ? `, ${inapplicable} not applicable (${reason})` : '';
      const names = failed.length > 0 ? `: ${failed.slice(0, NAMES_SHOWN_MAX).join(', ')}` : '';
      const text = `${suite}: ${passed} passed, ${failed.length} failed${left}${names}`;
      process.stdout.write(`${values.json ? JSON.stringify({ suite, passed, failed, inapplicable, reason }) : text}\n`);
    }
    if (results.some(({ passed, failed }) => failed.length > 0 || passed === 0)) process.exitCode = 1;
  } finally {
    await crypto.close();
  }
}
