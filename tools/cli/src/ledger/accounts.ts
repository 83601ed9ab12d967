import { type AccountAnswer, UNITS_PER_CAES } from '@hypermesh/caesar/client';
import { ACCOUNTS_PER_ANSWER_MAX, SUPPLY_UNITS } from '@hypermesh/caesar';
import { formatCaes } from '../amount.ts';
import type { CommandContext } from '../command.ts';
import { namesById } from '../node/members.ts';
import { hexOf, yesNo } from '../text.ts';
import { accountNamed } from './account-name.ts';

export async function showBalance(context: CommandContext, wanted: string | null): Promise<void> {
  const session = await context.session();
  const account = await accountNamed(session, wanted);
  const { value } = await (await session.caesar()).account({ account }, { signal: session.signal });
  context.out.result(value, () =>
    context.out.fields([
      ['account', value.account],
      ['balance', `${formatCaes(value.balance)} CAES`],
      ['available', `${formatCaes(value.available)} CAES`],
    ]),
  );
}

export async function listAccounts(context: CommandContext): Promise<void> {
  const session = await context.session();
  const caesar = await session.caesar();
  const accounts: AccountAnswer[] = [];
  for (let after = ''; ;) {
    const { value: page } = await caesar.accounts({ after }, { signal: session.signal });
    accounts.push(...page);
    if (page.length < ACCOUNTS_PER_ANSWER_MAX) break;
    after = page.at(-1)?.account ?? '';
  }
  const names = await namesById(session);
  context.out.result(accounts, () =>
    context.out.table(
      ['ACCOUNT', 'MEMBER', 'BALANCE', 'AVAILABLE'],
      accounts.map(({ account, balance, available }) => [account, holderOf(account, names), formatCaes(balance), formatCaes(available)]),
    ),
  );
}

/** The name of the member in `owner/<id>` and `escrow/<id>/<app>`. */
function holderOf(account: string, names: ReadonlyMap<string, string>): string {
  return names.get(account.split('/')[1] ?? '') ?? '';
}

export async function audit(context: CommandContext): Promise<void> {
  const session = await context.session();
  const { height, value } = await (await session.caesar()).audit({}, { signal: session.signal });
  const balanced = value.total === SUPPLY_UNITS;
  const told = { height, ...value, journal: hexOf(value.journal), supply: SUPPLY_UNITS, balanced };
  context.out.result(told, () =>
    context.out.fields([
      ['height', String(height)],
      ['accounts', String(value.accounts)],
      ['transfers', String(value.transfers)],
      ['total', `${formatCaes(value.total)} CAES`],
      ['supply', `${SUPPLY_UNITS / UNITS_PER_CAES} CAES`],
      ['balanced', yesNo(balanced)],
      ['journal', told.journal],
    ]),
  );
}
