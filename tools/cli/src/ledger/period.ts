import { decode, encode } from '@hypermesh/stoq';
import { CAESAR_MACHINE, CAESAR_QUERIES, ownerAccount, type Period } from '@hypermesh/caesar/client';
import { closeOperation, periodCodec } from '@hypermesh/caesar';
import { formatCaes } from '../amount.ts';
import type { CommandContext } from '../command.ts';
import { cliError } from '../errors.ts';
import { allMembers, type MemberName } from '../node/members.ts';
import { formatTime } from '../text.ts';

export async function showPeriod(context: CommandContext, wanted: number | null): Promise<void> {
  const session = await context.session();
  const { signal } = session;
  const caesar = await session.caesar();
  const number = wanted ?? (await caesar.lastPeriod({}, { signal })).value;
  const period = number === 0 ? null : (await caesar.period({ number }, { signal })).value;
  if (period === null) throw cliError('cli.not_found', { period: number === 0 ? 'none is closed yet' : number });
  tell(context, period, await allMembers(session));
}

/** The validators say which period is the last: two callers close one period and not two. */
export async function closePeriod(context: CommandContext): Promise<void> {
  const session = await context.session();
  const { mesh, account, signal } = session;
  // Before: nothing may fail behind a period that is closed.
  const members = await allMembers(session);
  const last = CAESAR_QUERIES['period.last'];
  const { result } = await mesh.query(CAESAR_MACHINE, 'period.last', encode(last.argument, 0), { signal });
  const { results } = await mesh.transact(account, CAESAR_MACHINE, [closeOperation(decode(last.answer, result))], { signal });
  tell(context, decode(periodCodec, results[0] as Uint8Array), members);
}

function tell({ out }: CommandContext, period: Period, members: readonly MemberName[]): void {
  const { number, from, to, totalBefore, totalAfter, paid } = period;
  out.result(period, () =>
    [
      out.fields([
        ['period', String(number)],
        ['billed', `${from === 0 ? 'genesis' : formatTime(from)} to ${formatTime(to)}`],
        ['total before', `${formatCaes(totalBefore)} CAES`],
        ['total after', `${formatCaes(totalAfter)} CAES`],
      ]),
      '',
      paid.length === 0 ? 'Nobody was paid.' : out.table(['PAID TO', 'ACCOUNT', 'CAES'], paidRows(paid, members)),
    ].join('\n'),
  );
}

/** Name of the member, if one has the account; account; amount. */
export function paidRows(paid: Period['paid'], members: readonly MemberName[]): string[][] {
  const names = new Map(members.map(({ id, name }) => [ownerAccount(id), name]));
  return paid.map(({ account, amount }) => [names.get(account) ?? '', account, formatCaes(amount)]);
}
