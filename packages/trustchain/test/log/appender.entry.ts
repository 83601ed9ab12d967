// Appends numbered entries to a log until it is killed; says each acknowledged one on standard output.
import { readFile } from 'node:fs/promises';
import { createCrypto, systemClock } from '@hypermesh/stoq';
import { createLog, openLog } from '../../src/log/log.ts';
import { entryOf, ORIGIN, readLogSigners } from './fixtures.ts';

const [directory = '', keyFile = '', first = '0'] = process.argv.slice(2);
const crypto = await createCrypto({ signingThreads: 1 });
const signers = readLogSigners(await readFile(keyFile, 'utf8'), crypto);
const open = first === '0' ? createLog : openLog;
const log = await open({ directory, origin: ORIGIN, signers }, { crypto, clock: systemClock });
const append = async (n: number): Promise<void> => {
  const { index } = await log.add(entryOf(n));
  process.stdout.write(`${n} ${index}\n`);
  await append(n + 8);
};
await Promise.all(Array.from({ length: 8 }, (_, lane) => append(Number(first) + lane)));
