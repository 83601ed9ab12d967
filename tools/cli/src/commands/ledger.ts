import type { Command } from 'commander';
import { examples, paymentOption, wholeNumber } from '../arguments.ts';
import type { Perform } from '../command.ts';
import type { EscrowOptions } from '../ledger/escrow.ts';
import type { TransferOptions } from '../ledger/transfer.ts';

const ACCOUNT = 'a member by name or node id, or an account such as pool/rewards';

export function declareLedger(program: Command, perform: Perform): void {
  const group = program.command('ledger').description('the books: balances, escrows, settlement');
  declareAccounts(group, perform);
  group
    .command('escrow')
    .description('show, fund or close what is set aside for an app of yours')
    .argument('<app>', 'name of the app')
    .option('--fund <caes>', 'open it, or add to it')
    .addOption(paymentOption())
    .option('--close', 'give the rest back; the app must be removed and settled')
    .addHelpText('after', examples('hypermesh ledger escrow hello', 'hypermesh ledger escrow hello --fund 10'))
    .action(
      perform(async (context, app: string, options: EscrowOptions) => {
        const { escrow } = await import('../ledger/escrow.ts');
        await escrow(context, app, options);
      }),
    );
  group
    .command('period')
    .description('show who was paid in a settlement period')
    .argument('[number]', 'which one (default: the last)', wholeNumber(1))
    .addHelpText('after', examples('hypermesh ledger period', 'hypermesh ledger period 3'))
    .action(
      perform(async (context, number: number | undefined) => {
        const { showPeriod } = await import('../ledger/period.ts');
        await showPeriod(context, number ?? null);
      }),
    );
  group
    .command('close')
    .description('close the settlement period now and pay')
    .addHelpText('after', examples('hypermesh ledger close'))
    .action(
      perform(async (context) => {
        const { closePeriod } = await import('../ledger/period.ts');
        await closePeriod(context);
      }),
    );
}

function declareAccounts(group: Command, perform: Perform): void {
  group
    .command('balance')
    .description('show what an account holds')
    .argument('[account]', `${ACCOUNT} (default: your own)`)
    .addHelpText('after', examples('hypermesh ledger balance', 'hypermesh ledger balance pool/rewards'))
    .action(
      perform(async (context, account: string | undefined) => {
        const { showBalance } = await import('../ledger/accounts.ts');
        await showBalance(context, account ?? null);
      }),
    );
  group
    .command('accounts')
    .description('list all accounts')
    .addHelpText('after', examples('hypermesh ledger accounts --json'))
    .action(
      perform(async (context) => {
        const { listAccounts } = await import('../ledger/accounts.ts');
        await listAccounts(context);
      }),
    );
  group
    .command('transfer')
    .description('pay from your own account')
    .argument('<to>', ACCOUNT)
    .argument('<amount>', 'CAES, e.g. 12.5')
    .addOption(paymentOption())
    .addHelpText('after', examples('hypermesh ledger transfer alice 12.5'))
    .action(
      perform(async (context, to: string, amount: string, options: TransferOptions) => {
        const { transfer } = await import('../ledger/transfer.ts');
        await transfer(context, to, amount, options);
      }),
    );
  group
    .command('audit')
    .description('sum all accounts and compare with the supply')
    .addHelpText('after', examples('hypermesh ledger audit'))
    .action(
      perform(async (context) => {
        const { audit } = await import('../ledger/accounts.ts');
        await audit(context);
      }),
    );
}
