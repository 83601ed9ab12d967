import { decodeBundle, parseCertificate, type RevocationReason } from '@hypermesh/trustchain';
import type { CommandContext } from '../command.ts';

export interface RevokeOptions {
  readonly reason: RevocationReason;
}

export async function revoke(context: CommandContext, wanted: string, { reason }: RevokeOptions): Promise<void> {
  const { member, signal } = await context.session();
  const serial = wanted === 'own' ? parseCertificate(decodeBundle(member.bundle()).leaf).serial : wanted.toLowerCase();
  const { index, size } = await member.client.revoke({ serial, reason, invalidityDate: null }, { signal });
  context.out.result({ serial, reason, logIndex: index, logSize: size }, () => `Revoked ${serial}, entry ${index} of the revocation log.`);
}
