import {
  bigUint,
  bytes,
  bytesUpTo,
  type Codec,
  decode,
  encode,
  hashLabelled,
  hybridPublicKeyCodec,
  type HybridPublicKey,
  list,
  type PublicKey,
  publicKeyCodec,
  publicKeyCodecOf,
  struct,
  text,
  uint,
} from '@hypermesh/stoq';
import { CERTIFICATE_BYTES_MAX, VALIDATOR_COUNT_MAX } from '../constants.ts';
import { trustError } from '../errors.ts';
import { assertGenesis } from './validation.ts';

/** The document that founds a mesh: its hash is the mesh id. Final format, a positional array in canonical CBOR. */
export interface Genesis {
  readonly version: number;
  readonly meshName: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** TrustChain root certificates, DER; they carry no mesh id. */
  readonly roots: readonly Uint8Array[];
  readonly trustchaind: ServiceEntry;
  readonly logs: GenesisLogs;
  readonly validators: readonly ValidatorEntry[];
  readonly machines: readonly MachineEntry[];
  readonly pools: readonly PoolEntry[];
  readonly operators: Operators;
  readonly parameters: readonly Parameter[];
}

/** A daemon that proves itself by its session pair before any certificate exists. */
export interface ServiceEntry {
  readonly sessionKey: HybridPublicKey;
  /** `host:port` of the carriers. */
  readonly addresses: readonly string[];
}

/** The three transparency logs. */
export interface GenesisLogs {
  readonly certificates: LogEntry;
  readonly packages: LogEntry;
  readonly revocations: LogEntry;
}

export interface LogEntry {
  /** Origin line of its checkpoints and name of both its note keys, e.g. `trust.mesh/certificates`. */
  readonly origin: string;
  readonly classical: PublicKey<'ed25519'>;
  readonly postQuantum: PublicKey<'falcon1024'>;
}

export interface ValidatorEntry {
  readonly name: string;
  readonly nodeId: Uint8Array;
  /** Votes in consensus; any signature algorithm of the registry. */
  readonly voteKey: PublicKey;
  readonly sessionKey: HybridPublicKey;
  /** Cosigns checkpoints. */
  readonly witnessKey: PublicKey<'ml-dsa-44'>;
  readonly addresses: readonly string[];
}

export interface MachineEntry {
  readonly name: string;
  readonly version: number;
}

export interface PoolEntry {
  readonly account: string;
  /** Units of 1e-9 CAES. */
  readonly amount: bigint;
}

/** Keys that may start a new incarnation of the mesh, `threshold` of them together. */
export interface Operators {
  readonly threshold: number;
  readonly keys: readonly HybridPublicKey[];
}

/** A number that every machine reads from genesis, with its unit last in the name (`leaseMs`). */
export interface Parameter {
  readonly name: string;
  readonly value: number;
}

// Roots are long-lived; a second one serves a rollover.
const ROOT_COUNT_MAX = 4;
// Carriers times address families, with room.
const ADDRESS_COUNT_MAX = 8;
const ADDRESS_CHARS_MAX = 128;
const NAME_CHARS_MAX = 64;
// A handful of packages with machines exists.
const MACHINE_COUNT_MAX = 16;
// Genesis pays pools, not users.
const POOL_COUNT_MAX = 64;
// Threshold signing is by people.
const OPERATOR_COUNT_MAX = 16;
const PARAMETER_COUNT_MAX = 64;
// 100 validators of 6 KiB and four roots.
export const GENESIS_BYTES_MAX: number = 1024 * 1024;
// 2^63 units are 9.2e9 CAES; balances stay in a signed 64-bit integer.
const AMOUNT_BITS = 63;

const name = text(NAME_CHARS_MAX);
const addresses = list(text(ADDRESS_CHARS_MAX), ADDRESS_COUNT_MAX);

const logCodec: Codec<LogEntry> = struct({
  origin: name,
  classical: publicKeyCodecOf('ed25519'),
  postQuantum: publicKeyCodecOf('falcon1024'),
});

const validatorCodec: Codec<ValidatorEntry> = struct({
  name,
  nodeId: bytes(32),
  voteKey: publicKeyCodec,
  sessionKey: hybridPublicKeyCodec,
  witnessKey: publicKeyCodecOf('ml-dsa-44'),
  addresses,
});

export const genesisCodec: Codec<Genesis> = struct({
  version: uint(255),
  meshName: name,
  createdAt: uint(),
  roots: list(bytesUpTo(CERTIFICATE_BYTES_MAX), ROOT_COUNT_MAX),
  trustchaind: struct({ sessionKey: hybridPublicKeyCodec, addresses }),
  logs: struct({ certificates: logCodec, packages: logCodec, revocations: logCodec }),
  validators: list(validatorCodec, VALIDATOR_COUNT_MAX),
  machines: list(struct({ name, version: uint() }), MACHINE_COUNT_MAX),
  pools: list(struct({ account: name, amount: bigUint(AMOUNT_BITS) }), POOL_COUNT_MAX),
  operators: struct({ threshold: uint(OPERATOR_COUNT_MAX), keys: list(hybridPublicKeyCodec, OPERATOR_COUNT_MAX) }),
  parameters: list(struct({ name, value: uint() }), PARAMETER_COUNT_MAX),
});

/** Throws `trustchain.genesis_malformed` for a document that `decodeGenesis` would refuse. */
export function encodeGenesis(genesis: Genesis): Uint8Array {
  assertGenesis(genesis);
  return encode(genesisCodec, genesis);
}

/** Strict: canonical bytes, unique names and keys, well-formed roots. Throws `trustchain.genesis_malformed`. */
export function decodeGenesis(encoded: Uint8Array): Genesis {
  let genesis: Genesis;
  try {
    genesis = decode(genesisCodec, encoded, GENESIS_BYTES_MAX);
  } catch (cause) {
    throw trustError('trustchain.genesis_malformed', { reason: (cause as Error).message }, { cause });
  }
  assertGenesis(genesis);
  return genesis;
}

/** The id of the mesh: 32 bytes. */
export function meshIdOf(genesis: Genesis): Uint8Array {
  return hashLabelled('hypermesh/genesis/1', encodeGenesis(genesis));
}
