import type { Command } from 'commander';
import { examples } from '../arguments.ts';
import type { Perform } from '../command.ts';

export function declareAsset(program: Command, perform: Perform): void {
  const group = program.command('asset').description('processors, memory, disks and networks that nodes have detected');
  group
    .command('ls')
    .description('list assets')
    .option('--node <node>', 'only of this node: name or node id')
    .addHelpText('after', examples('hypermesh asset ls --node node-1'))
    .action(
      perform(async (context, options: { readonly node?: string }) => {
        const { listAssets } = await import('../asset/show.ts');
        await listAssets(context, options.node ?? null);
      }),
    );
  group
    .command('show')
    .description('show one asset')
    .argument('<asset>', 'id in hexadecimal, or the beginning of one')
    .addHelpText('after', examples('hypermesh asset show 5e3c91'))
    .action(
      perform(async (context, asset: string) => {
        const { showAsset } = await import('../asset/show.ts');
        await showAsset(context, asset);
      }),
    );
}
