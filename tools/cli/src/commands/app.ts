import type { Command } from 'commander';
import { collected, examples, pairs, paymentOption, wholeNumber } from '../arguments.ts';
import type { DeployOptions } from '../app/deploy.ts';
import type { LogsOptions } from '../app/logs.ts';
import type { Perform } from '../command.ts';

const REPLICAS_MAX = 256;

// As many as a node keeps (LOG_LINES_MAX of @hypermesh/mesh, which no help page should have to load).
const LOG_LINES_MAX = 1_000;
const LOG_LINES = 100;

export function declareApp(program: Command, perform: Perform): void {
  const group = program.command('app').description('what runs on the mesh');
  declareDeploy(group, perform);
  declareViews(group, perform);
  group
    .command('scale')
    .description('change the number of replicas')
    .argument('<app>', 'name of the app')
    .argument('<replicas>', 'wanted number', wholeNumber(0, REPLICAS_MAX))
    .option('--no-wait', 'do not wait until they are ready')
    .addHelpText('after', examples('hypermesh app scale hello 5'))
    .action(
      perform(async (context, app: string, replicas: number, options: { readonly wait: boolean }) => {
        const { scaleApp } = await import('../app/change.ts');
        await scaleApp(context, app, replicas, options.wait);
      }),
    );
  group
    .command('rm')
    .description('stop all replicas and remove the app; its escrow stays until the period is settled')
    .argument('<app>', 'name of the app')
    .addHelpText('after', examples('hypermesh app rm hello', 'hypermesh ledger escrow hello --close'))
    .action(
      perform(async (context, app: string) => {
        const { removeApp } = await import('../app/change.ts');
        await removeApp(context, app);
      }),
    );
}

function declareDeploy(group: Command, perform: Perform): void {
  group
    .command('deploy')
    .description('run a package, or what an app.yaml says, and wait until it is ready')
    .argument('<what>', 'NAME, NAME@VERSION, or a file that ends in .yaml or .yml')
    .option('--name <name>', 'name of the app (default: that of the package)')
    .option('--replicas <count>', 'how many instances', wholeNumber(0, REPLICAS_MAX))
    .option('--memory <size>', 'memory of each, e.g. 64MiB')
    .option('--cpu <millis>', 'thousandths of a core of each', wholeNumber(1))
    .option('--env <name=value>', 'a variable of its environment; may be given again', pairs)
    .option('--arg <text>', 'an argument of the program; may be given again', collected)
    .option('--exclusive', 'at most one instance at any time, even when the network is divided')
    .option('--fund <caes>', 'add this to the escrow of the app first (an empty one gets 10 CAES)')
    .addOption(paymentOption())
    .option('--no-wait', 'do not wait until the replicas are ready')
    .addHelpText(
      'after',
      examples(
        'hypermesh app deploy hello --replicas 3',
        'hypermesh app deploy hello@1.0.0 --name greeter --env LANG=eo --memory 32MiB --fund 25',
        'hypermesh app deploy ./app.yaml',
      ),
    )
    .action(
      perform(async (context, what: string, options: DeployOptions) => {
        const { deploy } = await import('../app/deploy.ts');
        await deploy(context, what, options);
      }),
    );
}

function declareViews(group: Command, perform: Perform): void {
  group
    .command('ls')
    .description('list apps')
    .addHelpText('after', examples('hypermesh app ls'))
    .action(
      perform(async (context) => {
        const { listApps } = await import('../app/show.ts');
        await listApps(context);
      }),
    );
  group
    .command('status')
    .description('show an app and its replicas')
    .argument('<app>', 'name of the app')
    .addHelpText('after', examples('hypermesh app status hello'))
    .action(
      perform(async (context, app: string) => {
        const { showApp } = await import('../app/show.ts');
        await showApp(context, app);
      }),
    );
  group
    .command('explain')
    .description('say why replicas are missing, and what each node has to say about it')
    .argument('<app>', 'name of the app')
    .addHelpText('after', examples('hypermesh app explain hello'))
    .action(
      perform(async (context, app: string) => {
        const { explainApp } = await import('../app/explain.ts');
        await explainApp(context, app);
      }),
    );
  group
    .command('logs')
    .description('show what the replicas of an app of yours printed last, and why earlier runs ended')
    .argument('<app>', 'name of the app')
    .option('--lines <count>', 'newest lines of each', wholeNumber(1, LOG_LINES_MAX), LOG_LINES)
    .option('--replica <id>', 'only this one; "hypermesh app status" lists them')
    .addHelpText('after', examples('hypermesh app logs hello', 'hypermesh app logs hello --replica hello-2 --lines 20'))
    .action(
      perform(async (context, app: string, options: LogsOptions) => {
        const { showLogs } = await import('../app/logs.ts');
        await showLogs(context, app, options);
      }),
    );
}
