import { CodedError, formatId } from '@hypermesh/stoq';
import { type Certificate, type LogName, parseCertificate, type SignedCheckpoint, verifyCheckpoint } from '@hypermesh/trustchain';
import type { CommandContext } from '../command.ts';
import type { Session } from '../session.ts';
import { formatTime, hexOf } from '../text.ts';

export interface CheckpointReport {
  readonly origin: string;
  readonly size: number;
  /** RFC 6962 root, hex. */
  readonly root: string;
  readonly cosignatures: number;
}

export type Checkpoints = Readonly<Record<LogName, CheckpointReport>>;

export interface ListOptions {
  readonly name?: string;
  readonly all?: boolean;
}

// What trustchaind answers at once.
const ENTRIES_PER_CALL = 100;
// A page for people; the newest are what they look for.
const CERTIFICATES_MAX = 1_000;

/** The newest checkpoint of each log, verified: both keys of the log, and a quorum of witnesses from phase 1 on. */
export async function readCheckpoints(session: Session): Promise<Checkpoints> {
  const [certificates, packages, revocations] = await Promise.all([
    readCheckpoint(session, 'certificates'),
    readCheckpoint(session, 'packages'),
    readCheckpoint(session, 'revocations'),
  ]);
  return { certificates, packages, revocations };
}

export async function showCheckpoints(context: CommandContext): Promise<void> {
  const checkpoints = await readCheckpoints(await context.session());
  context.out.result(checkpoints, () =>
    context.out.table(
      ['LOG', 'ENTRIES', 'COSIGNATURES', 'ROOT'],
      Object.values(checkpoints).map(({ origin, size, cosignatures, root }) => [origin, String(size), String(cosignatures), root]),
    ),
  );
}

async function readCheckpoint({ member, crypto, signal }: Session, log: LogName): Promise<CheckpointReport> {
  const { checkpoint } = await member.client['log.checkpoint']({ log }, { signal });
  const { trust } = member;
  return reportOf(verifyCheckpoint(checkpoint, log, { trust, crypto, policyVersionMin: 0 }));
}

/** The log signs under its origin; every other signature is a cosignature. */
function reportOf({ origin, size, root, note }: SignedCheckpoint): CheckpointReport {
  return { origin, size, root: hexOf(root), cosignatures: note.signatures.filter(({ name }) => name !== origin).length };
}

interface LoggedCertificate {
  readonly index: number;
  readonly certificate: Certificate;
  readonly state: 'valid' | 'expired' | 'revoked';
}

export async function listCertificates(context: CommandContext, { name = '', all = false }: ListOptions): Promise<void> {
  const session = await context.session();
  await session.member.ready(session.signal);
  const logged = await readCertificates(session);
  const wanted = logged.filter(({ certificate, state }) => (all || state !== 'expired') && namesOf(certificate).join(' ').includes(name));
  context.out.result(wanted.map(certificateValue), () =>
    context.out.table(
      ['INDEX', 'SERIAL', 'NAMES', 'ROLES', 'NOT AFTER', 'STATE'],
      wanted.map(({ index, certificate, state }) => [
        String(index),
        certificate.serial,
        namesOf(certificate).join(' '),
        certificate.identity.roles.join(' '),
        formatTime(certificate.notAfter),
        state,
      ]),
    ),
  );
}

/** The newest first. */
async function readCertificates(session: Session): Promise<readonly LoggedCertificate[]> {
  const { member, signal } = session;
  const { size } = await readCheckpoint(session, 'certificates');
  const found: LoggedCertificate[] = [];
  for (let end = size; end > 0 && size - end < CERTIFICATES_MAX; end -= ENTRIES_PER_CALL) {
    const start = Math.max(0, end - ENTRIES_PER_CALL);
    const { entries } = await member.client['log.entries']({ log: 'certificates', start, end }, { signal });
    const page = entries.map((entry, offset) => ({ index: start + offset, certificate: certificateOf(entry) }));
    for (const { index, certificate } of page.reverse()) {
      if (certificate !== null) found.push({ index, certificate, state: stateOf(session, certificate) });
    }
  }
  return found;
}

/** Null for an entry that is no certificate of a member. */
function certificateOf(entry: Uint8Array): Certificate | null {
  try {
    return parseCertificate(entry);
  } catch (error) {
    if (error instanceof CodedError) return null;
    throw error;
  }
}

function stateOf({ member, clock }: Session, { serial, notAfter }: Certificate): LoggedCertificate['state'] {
  if (member.revocations.find(serial) !== null) return 'revoked';
  return notAfter < clock.now() ? 'expired' : 'valid';
}

export function namesOf({ alternativeNames, commonName }: Certificate): readonly string[] {
  const names = alternativeNames?.names ?? [];
  return names.length === 0 ? [commonName] : names;
}

export function certificateValue({ index, certificate, state }: LoggedCertificate): object {
  const { serial, notBefore, notAfter, identity } = certificate;
  return {
    index,
    serial,
    node: formatId('node', identity.nodeId),
    names: namesOf(certificate),
    roles: identity.roles,
    notBefore,
    notAfter,
    state,
  };
}
