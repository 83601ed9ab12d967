import { decodeBundle, parseCertificate, type RevocationReason } from '@hypermesh/trustchain';
import type { CommandContext } from '../command.ts';
import { usageError } from '../errors.ts';

export interface RevokeOptions {
  readonly reason: RevocationReason;
}

// What trustchaind's contract takes; in lower case there.
const SERIAL_DIGITS = 40;
const SERIAL = new RegExp(`^[0-9a-f]{${SERIAL_DIGITS}}$`, 'iu');

export async function revoke(context: CommandContext, wanted: string, { reason }: RevokeOptions): Promise<void> {
  if (wanted !== 'own' && !SERIAL.test(wanted)) {
    throw usageError(`Write a serial of ${SERIAL_DIGITS} hexadecimal digits, such as "hypermesh cert ls" shows, or "own"`, {
      serial: wanted,
    });
  }
  const { member, signal } = await context.session();
  const serial = wanted === 'own' ? parseCertificate(decodeBundle(member.bundle()).leaf).serial : wanted.toLowerCase();
  const { index, size } = await member.client.revoke({ serial, reason, invalidityDate: null }, { signal });
  context.out.result({ serial, reason, logIndex: index, logSize: size }, () => `Revoked ${serial}, entry ${index} of the revocation log.`);
}
