import type { Command } from 'commander';
import { collected, examples, type NamedValue, pairs, wholeNumber } from '../arguments.ts';
import type { Perform } from '../command.ts';
import type { InitOptions } from '../mesh/init.ts';

const noPairs: readonly NamedValue[] = [];
const PHASE_LAST = 3;

export function declareMesh(program: Command, perform: Perform): void {
  const group = program.command('mesh').description('found a mesh and lead it through its phases');
  group
    .command('init')
    .description('make genesis, keys and join tokens of a new mesh, offline')
    .requiredOption('--name <name>', 'name of the mesh')
    .requiredOption('--directory <directory>', 'folder to make; it must not hold anything yet')
    .requiredOption('--trustchaind <address>', 'host:port where trustchaind will be reached; may be given again', collected)
    .requiredOption('--validator <name=address>', 'a validator and its host:port; given once for each', pairs)
    .option('--user <name>', 'the first user, who is also operator', 'admin')
    .option('--endowment <caes>', 'what the first user owns from the start', '1000000')
    .option('--parameter <name=value>', 'a parameter of the mesh, such as leaseMs=10000; may be given again', pairs, noPairs)
    .addHelpText(
      'after',
      examples(
        'hypermesh mesh init --name lab --directory ./lab --trustchaind 10.0.0.1:4400 \\\n' +
          '      --validator a=10.0.0.1:4401 --validator b=10.0.0.2:4401 --validator c=10.0.0.3:4401 --validator d=10.0.0.4:4401',
      ),
    )
    .action(
      perform(async (context, options: InitOptions) => {
        const { initMesh } = await import('../mesh/init.ts');
        await initMesh(context, options);
      }),
    );
  declarePhase(group, perform);
  program
    .command('status')
    .description('show height, root, validators, nodes, apps and logs')
    .addHelpText('after', examples('hypermesh status', 'hypermesh status --json'))
    .action(
      perform(async (context) => {
        const { showStatus } = await import('../mesh/status.ts');
        await showStatus(context);
      }),
    );
  program
    .command('validator')
    .description('the validators of the mesh')
    .command('ls')
    .description('list validators with the height that each has reached')
    .addHelpText('after', examples('hypermesh validator ls'))
    .action(
      perform(async (context) => {
        const { listValidators } = await import('../mesh/status.ts');
        await listValidators(context);
      }),
    );
}

function declarePhase(group: Command, perform: Perform): void {
  const phase = group.command('phase').description('0 bootstrap, 1 connected, 2 federated policy, 3 full; only forward');
  phase
    .command('show', { isDefault: true })
    .description('show the phase of the mesh')
    .addHelpText('after', examples('hypermesh mesh phase'))
    .action(
      perform(async (context) => {
        const { showPhase } = await import('../mesh/phase.ts');
        await showPhase(context);
      }),
    );
  phase
    .command('advance')
    .description('enter the next phase; there is no way back')
    .option('--to <phase>', 'refuse unless this is the next one', wholeNumber(1, PHASE_LAST))
    .addHelpText('after', examples('hypermesh mesh phase advance --to 1'))
    .action(
      perform(async (context, options: { readonly to?: number }) => {
        const { advancePhase } = await import('../mesh/phase.ts');
        await advancePhase(context, options.to ?? null);
      }),
    );
}
