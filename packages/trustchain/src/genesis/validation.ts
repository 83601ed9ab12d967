import type { HybridPublicKey, PublicKey } from '@hypermesh/stoq';
import { parseCertificate } from '../certificate/certificate.ts';
import { lint } from '../certificate/profile.ts';
import { trustError } from '../errors.ts';
import type { Genesis } from './genesis.ts';

/** The one version of the format. */
export const GENESIS_VERSION: number = 1;

const NAME = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
// C2SP signed-note: a key name has neither spaces nor plus signs.
const ORIGIN = /^[a-z0-9](?:[a-z0-9./-]*[a-z0-9])?$/;
const PARAMETER = /^[a-z][A-Za-z0-9]*$/;
const ADDRESS = /^(?:\[[0-9a-f:.]+\]|[a-z0-9.-]+):\d{1,5}$/i;
/** Name by which trustchaind claims its set entry. */
export const TRUSTCHAIND_NAME: string = 'trustchaind';

/** Everything a codec cannot say. Throws `trustchain.genesis_malformed` with the field. */
export function assertGenesis(genesis: Genesis): void {
  if (genesis.version !== GENESIS_VERSION) refuse('version', 'unknown');
  matches('meshName', [genesis.meshName], NAME);
  assertRoots(genesis);
  if (genesis.validators.length === 0) refuse('validators', 'empty');
  const names = genesis.validators.map((validator) => validator.name);
  matches('validators.name', names, NAME);
  unique('validators.name', [...names, TRUSTCHAIND_NAME]);
  unique(
    'validators.nodeId',
    genesis.validators.map((validator) => hex(validator.nodeId)),
  );
  assertKeys(genesis);
  const origins = [genesis.logs.certificates, genesis.logs.packages, genesis.logs.revocations].map((log) => log.origin);
  matches('logs.origin', origins, ORIGIN);
  unique('logs.origin', origins);
  const entries = [genesis.trustchaind, ...genesis.validators];
  for (const { addresses } of entries) {
    if (addresses.length === 0) refuse('addresses', 'empty');
    matches('addresses', addresses, ADDRESS);
    unique('addresses', addresses);
  }
  assertTables(genesis);
}

function assertRoots({ roots }: Genesis): void {
  if (roots.length === 0) refuse('roots', 'empty');
  unique('roots', roots.map(hex));
  for (const der of roots) {
    try {
      const root = parseCertificate(der);
      lint(root, 'root', root.key);
    } catch (cause) {
      throw trustError('trustchain.genesis_malformed', { field: 'roots', reason: (cause as Error).message }, { cause });
    }
  }
}

/** No key serves twice: a signature made for one purpose must not count for another. */
function assertKeys({ trustchaind, logs, validators, operators }: Genesis): void {
  const hybrid = (key: HybridPublicKey): PublicKey[] => [key.classical, key.postQuantum];
  const keys: PublicKey[] = [
    ...hybrid(trustchaind.sessionKey),
    ...[logs.certificates, logs.packages, logs.revocations].flatMap((log) => [log.classical, log.postQuantum]),
    ...validators.flatMap((entry) => [entry.voteKey, entry.witnessKey, ...hybrid(entry.sessionKey)]),
    ...operators.keys.flatMap(hybrid),
  ];
  for (const { voteKey } of validators) {
    if (voteKey.algorithm === 'ml-kem-1024' || voteKey.algorithm === 'x25519') refuse('validators.voteKey', 'cannot sign');
  }
  unique(
    'keys',
    keys.map((key) => `${key.algorithm}:${hex(key.bytes)}`),
  );
}

function assertTables({ machines, pools, operators, parameters }: Genesis): void {
  matches(
    'machines.name',
    machines.map((machine) => machine.name),
    NAME,
  );
  unique(
    'machines.name',
    machines.map((machine) => machine.name),
  );
  unique(
    'pools.account',
    pools.map((pool) => pool.account),
  );
  if (pools.some((pool) => pool.account === '')) refuse('pools.account', 'empty');
  matches(
    'parameters.name',
    parameters.map((parameter) => parameter.name),
    PARAMETER,
  );
  unique(
    'parameters.name',
    parameters.map((parameter) => parameter.name),
  );
  if (operators.threshold < 1 || operators.threshold > operators.keys.length) refuse('operators.threshold', 'out of range');
}

function matches(field: string, values: readonly string[], form: RegExp): void {
  const bad = values.find((value) => !form.test(value));
  if (bad !== undefined) refuse(field, 'malformed', bad);
}

function unique(field: string, values: readonly string[]): void {
  if (new Set(values).size !== values.length) refuse(field, 'duplicate');
}

function refuse(field: string, reason: string, value?: string): never {
  throw trustError('trustchain.genesis_malformed', { field, reason, value });
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
