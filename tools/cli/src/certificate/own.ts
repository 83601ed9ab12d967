import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { formatId } from '@hypermesh/stoq';
import { decodeBundle, parseCertificate, parseCheckpoint } from '@hypermesh/trustchain';
import type { CommandContext } from '../command.ts';
import type { Session } from '../session.ts';
import { formatTime } from '../text.ts';
import { namesOf } from './log.ts';

export interface ExportOptions {
  readonly output?: string;
}

interface OwnCertificate {
  readonly serial: string;
  readonly node: string;
  readonly names: readonly string[];
  readonly roles: readonly string[];
  readonly notBefore: number;
  readonly notAfter: number;
  readonly logIndex: number;
  readonly logSize: number;
  readonly cosignatures: number;
}

export async function showOwn(context: CommandContext): Promise<void> {
  const own = ownCertificate(await context.session());
  context.out.result(own, () =>
    context.out.fields([
      ['serial', own.serial],
      ['node', own.node],
      ['names', own.names.join(', ')],
      ['roles', own.roles.join(', ')],
      ['valid', `${formatTime(own.notBefore)} to ${formatTime(own.notAfter)}`],
      ['log', `entry ${own.logIndex} of ${own.logSize}, ${own.cosignatures} cosignatures`],
    ]),
  );
}

export async function renewOwn(context: CommandContext): Promise<void> {
  const session = await context.session();
  const before = ownCertificate(session);
  await session.member.following.renewer.refresh({ signal: session.signal });
  const own = ownCertificate(session);
  const renewed = own.serial !== before.serial;
  context.out.result({ renewed, ...own }, () =>
    renewed ? `Renewed; valid until ${formatTime(own.notAfter)}.` : `Good until ${formatTime(own.notAfter)}; it is not due yet.`,
  );
}

export async function exportOwn(context: CommandContext, { output }: ExportOptions): Promise<void> {
  const { member } = await context.session();
  const { leaf, intermediates } = decodeBundle(member.bundle());
  const pem = [leaf, ...intermediates].map(pemOf).join('');
  if (output === undefined) return context.out.result({ pem }, () => pem);
  const file = resolve(context.cwd, output);
  await writeFile(file, pem, { flag: 'wx' });
  context.out.result({ file, certificates: 1 + intermediates.length }, () => `Wrote ${1 + intermediates.length} certificates to ${file}.`);
}

function ownCertificate({ member }: Session): OwnCertificate {
  const { leaf, logIndex, checkpoint } = decodeBundle(member.bundle());
  const certificate = parseCertificate(leaf);
  const { origin, size, note } = parseCheckpoint(checkpoint);
  return {
    serial: certificate.serial,
    node: formatId('node', certificate.identity.nodeId),
    names: namesOf(certificate),
    roles: certificate.identity.roles,
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    logIndex,
    logSize: size,
    cosignatures: note.signatures.filter(({ name }) => name !== origin).length,
  };
}

const PEM_LINE = /.{1,64}/gu;

/** RFC 7468. */
export function pemOf(der: Uint8Array): string {
  const lines = Buffer.from(der).toString('base64').match(PEM_LINE) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
