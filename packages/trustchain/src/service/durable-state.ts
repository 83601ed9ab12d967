import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, createFile, type Crypto, decode } from '@hypermesh/stoq';
import type { LogName } from '../api.ts';
import { assertIntermediate } from '../ca/authority.ts';
import { type Certificate, parseCertificate } from '../certificate/certificate.ts';
import type { SigningPair } from '../certificate/issuance.ts';
import { CERTIFICATE_BYTES_MAX } from '../constants.ts';
import { type Invitation, invitationsCodec } from '../enrolment/invitations.ts';
import { trustError } from '../errors.ts';
import { decodeGenesis, type Genesis, GENESIS_BYTES_MAX, meshIdOf } from '../genesis/genesis.ts';
import type { CheckpointWitnesses } from '../log/commit.ts';
import { createLog, type Log, openLog } from '../log/log.ts';
import type { Logs } from './log-handlers.ts';

/** What `createMesh` put into the home of trustchaind. */
export interface Home {
  readonly genesis: Genesis;
  readonly intermediate: Certificate;
  readonly invitations: readonly Invitation[];
}

/** Beside the data and not among them: says that logs were made here, so that lost data are never taken for a new mesh. */
const CREATED_MARK = 'logs-created';
const DIRECTORY_MODE = 0o700;
const LOG_NAMES: readonly LogName[] = ['certificates', 'packages', 'revocations'];
// Some thousand names; see `INVITATION_COUNT_MAX` for what the store takes.
const INVITATIONS_BYTES_MAX = 16 * 1024 * 1024;

/** Throws `trustchain.config_invalid`, `trustchain.genesis_malformed`, or the code of what is wrong with the intermediate. */
export async function readHome(home: string, crypto: Crypto): Promise<Home> {
  const genesis = decodeGenesis(await readBounded(join(home, 'genesis.bin'), GENESIS_BYTES_MAX));
  const intermediate = parseCertificate(await readBounded(join(home, 'intermediate.der'), CERTIFICATE_BYTES_MAX));
  const root = genesis.roots.map(parseCertificate).find((candidate) => Buffer.compare(candidate.subject, intermediate.issuer) === 0);
  if (root === undefined) throw trustError('trustchain.chain_untrusted', { subject: intermediate.commonName });
  assertIntermediate(intermediate, root, meshIdOf(genesis), crypto);
  const invitations = decode(
    invitationsCodec,
    await readBounded(join(home, 'invitations.bin'), INVITATIONS_BYTES_MAX),
    INVITATIONS_BYTES_MAX,
  );
  return { genesis, intermediate, invitations };
}

export interface LogsComponents {
  readonly genesis: Genesis;
  readonly signers: Readonly<Record<LogName, SigningPair>>;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly witnesses: () => CheckpointWitnesses | null;
}

/**
 * Opens the three logs, and makes them where this home has never had any. A start that was killed while it made them makes
 * the missing ones; once all were there, a missing one is `trustchain.log_missing`.
 */
export async function openLogs(home: string, components: LogsComponents): Promise<Logs> {
  const mark = join(home, CREATED_MARK);
  const created = await exists(mark);
  await mkdir(join(home, 'data'), { recursive: true, mode: DIRECTORY_MODE });
  const opened: Partial<Record<LogName, Log>> = {};
  try {
    for (const name of LOG_NAMES) opened[name] = await openOne(join(home, 'data', name), name, components, !created);
  } catch (error) {
    await closeLogs(opened);
    throw error;
  }
  if (!created) await createFile(mark, new Uint8Array());
  return opened as Logs;
}

export async function closeLogs(logs: Partial<Logs>): Promise<void> {
  await Promise.all(Object.values(logs).map((log) => log.close()));
}

async function openOne(directory: string, name: LogName, components: LogsComponents, mayCreate: boolean): Promise<Log> {
  const { genesis, signers, crypto, clock, witnesses } = components;
  const config = { directory, origin: genesis.logs[name].origin, signers: signers[name] };
  try {
    return await openLog(config, { crypto, clock, witnesses });
  } catch (error) {
    if (!mayCreate || !trustError.is(error, 'trustchain.log_missing')) throw error;
    return createLog(config, { crypto, clock, witnesses });
  }
}

async function readBounded(path: string, bytesMax: number): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(await readFile(path));
  } catch (cause) {
    throw trustError('trustchain.config_invalid', { path, reason: String((cause as NodeJS.ErrnoException).code) }, { cause });
  }
  if (bytes.length > bytesMax) throw trustError('trustchain.config_invalid', { path, bytesMax });
  return bytes;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
