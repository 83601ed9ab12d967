import type { Command } from 'commander';
import { examples, wholeNumber } from '../arguments.ts';
import type { Perform } from '../command.ts';
import type { TailOptions } from '../log/tail.ts';

export function declareLog(program: Command, perform: Perform): void {
  const group = program.command('log').description('the ordered log that all validators agree on');
  group
    .command('status')
    .description('show height, round, leader and root as each validator has them')
    .addHelpText('after', examples('hypermesh log status'))
    .action(
      perform(async (context) => {
        const { listValidators } = await import('../mesh/status.ts');
        await listValidators(context);
      }),
    );
  group
    .command('tail')
    .description('print final blocks, each verified; with --json an array, or one value a line with --follow')
    .option('--lines <count>', 'begin this many blocks before the newest', wholeNumber(0), 10)
    .option('--from <height>', 'begin with this height', wholeNumber(1))
    .option('-f, --follow', 'go on until Ctrl-C')
    .addHelpText('after', examples('hypermesh log tail --lines 5', 'hypermesh log tail --follow --json'))
    .action(
      perform(
        async (context, options: TailOptions) => {
          const { tail } = await import('../log/tail.ts');
          await tail(context, options);
        },
        { unlimited: true },
      ),
    );
  group
    .command('verify')
    .description('verify every block from genesis on: certificates of the quorum, chain, transactions; it executes nothing')
    .addHelpText('after', examples('hypermesh log verify'))
    .action(
      perform(
        async (context) => {
          const { verifyLog } = await import('../log/verify.ts');
          await verifyLog(context);
        },
        { unlimited: true },
      ),
    );
}
