// Runs the one validator of a mesh of one and writes registers until it is killed; reports each that a receipt confirms.
import { readFile } from 'node:fs/promises';
import { createCrypto, type KeyPair, systemClock, systemEntropy } from '@hypermesh/stoq';
import { createLogger } from '@hypermesh/stoq/host';
import { decodeGenesis, meshIdOf, nodeIdOf } from '@hypermesh/trustchain';
import { signTransaction } from '../../src/transaction/transaction.ts';
import { createValidator } from '../../src/validator/validator.ts';
import { createRegisterMachine, put, registerAccounts } from '../executor/register-machine.ts';

const [directory = '', file = ''] = process.argv.slice(2);
const keys = JSON.parse(await readFile(file, 'utf8'));
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const pairOf = ({ algorithm, publicKey, secretKey }: Record<'algorithm' | 'publicKey' | 'secretKey', string>): KeyPair<never> =>
  ({ publicKey: { algorithm, bytes: bytes(publicKey) }, secretKey: { algorithm, bytes: bytes(secretKey) } }) as KeyPair as KeyPair<never>;

const crypto = await createCrypto({ signingThreads: 1 });
const genesis = decodeGenesis(bytes(keys.genesis));
const signer = crypto.createHybridSigner(pairOf(keys.account.classical), pairOf(keys.account.postQuantum));
const owner = nodeIdOf(signer.publicKey.postQuantum);
const validator = createValidator(
  {
    host: { serve: () => {}, connect: () => ({}) } as never,
    crypto,
    clock: systemClock,
    entropy: systemEntropy,
    machines: [createRegisterMachine([{ owner, key: signer.publicKey }])],
    accounts: registerAccounts,
    voteSigner: crypto.createSigner(pairOf(keys.vote)),
    logger: createLogger({ name: 'test', level: 'silent' }),
    alarm: (error) => {
      throw error;
    },
  },
  { directory, genesis, nodeId: genesis.validators[0]!.nodeId },
);
await validator.start();
// What an earlier process has committed is executed first.
while (validator.height < validator.status().committedHeight) await new Promise((resolve) => setImmediate(resolve));
for (let sequence = validator.sequenceOf(owner) + 1; ; sequence++) {
  const body = { meshId: meshIdOf(genesis), owner, sequence, machine: 'mesh', operations: [put(`k${sequence}`, 'x')], key: null };
  const id = await validator.submit((await signTransaction(body, signer)).encoded).catch(() => undefined);
  // A transaction of the process before was ordered in the meantime.
  if (id === undefined) continue;
  await validator.receipt(id, { signal: AbortSignal.timeout(20_000) });
  process.send!(sequence);
}
