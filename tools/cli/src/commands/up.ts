import type { Command } from 'commander';
import { examples } from '../arguments.ts';
import type { Perform } from '../command.ts';
import type { UpCommandOptions } from '../local/up.ts';

export function declareUp(program: Command, perform: Perform): void {
  program
    .command('up')
    .description('start a whole mesh on this machine, deploy the example, and stay until Ctrl-C')
    .option('--once', 'end after the report; the exit code says whether every step really happened')
    .option('--directory <directory>', 'where the mesh lives and stays; a second run starts the same mesh')
    .option('--keep', 'as --directory, in the folder of this user')
    .option('--example <directory>', 'the package to deploy (default: the one that comes with hypermesh)')
    .addHelpText('after', examples('hypermesh up', 'hypermesh up --once --json', 'hypermesh up --directory ./my-mesh'))
    .action(
      perform(
        async (context, options: UpCommandOptions) => {
          const { up } = await import('../local/up.ts');
          await up(context, options);
        },
        { unlimited: true },
      ),
    );
  program
    .command('down')
    .description('end a mesh that "hypermesh up" has started')
    .option('--directory <directory>', 'that of "up" (default: the one that was started last)')
    .addHelpText('after', examples('hypermesh down', 'hypermesh down --directory ./my-mesh'))
    .action(
      perform(async (context, options: { readonly directory?: string }) => {
        const { down } = await import('../local/down.ts');
        await down(context, options.directory ?? null);
      }),
    );
}
