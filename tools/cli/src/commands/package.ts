import type { Command } from 'commander';
import { examples } from '../arguments.ts';
import type { Perform } from '../command.ts';
import type { BuildOptions } from '../package/build.ts';

export function declarePackage(program: Command, perform: Perform): void {
  const group = program.command('pkg').description('packages: what apps are made of');
  declareAuthor(group, perform);
  group
    .command('ls')
    .description('list published versions')
    .argument('[name]', 'only of this package')
    .addHelpText('after', examples('hypermesh pkg ls', 'hypermesh pkg ls hello'))
    .action(
      perform(async (context, name: string | undefined) => {
        const { listPackages } = await import('../package/browse.ts');
        await listPackages(context, name ?? '');
      }),
    );
  group
    .command('show')
    .description('show one version with its files')
    .argument('<package>', 'NAME or NAME@VERSION; without version the newest')
    .addHelpText('after', examples('hypermesh pkg show hello@1.0.0'))
    .action(
      perform(async (context, reference: string) => {
        const { showPackage } = await import('../package/browse.ts');
        await showPackage(context, reference);
      }),
    );
  group
    .command('fetch')
    .description('bring a package here; every file is verified')
    .argument('<package>', 'NAME or NAME@VERSION; without version the newest')
    .requiredOption('--output <directory>', 'folder to make for the files; it must not exist yet')
    .addHelpText('after', examples('hypermesh pkg fetch hello --output ./hello-files'))
    .action(
      perform(async (context, reference: string, options: { readonly output: string }) => {
        const { fetchPackage } = await import('../package/fetch.ts');
        await fetchPackage(context, reference, options.output);
      }),
    );
}

function declareAuthor(group: Command, perform: Perform): void {
  group
    .command('build')
    .description('build and check a package without a mesh')
    .argument('<directory>', 'folder with package.yaml')
    .option('--output <directory>', 'folder to make for what is built; it must not exist yet')
    .addHelpText('after', examples('hypermesh pkg build ./hello', 'hypermesh pkg build ./hello --output ./out'))
    .action(
      perform(async (context, directory: string, options: BuildOptions) => {
        const { build } = await import('../package/build.ts');
        await build(context, directory, options);
      }),
    );
  group
    .command('publish')
    .description('build a package, log it and put it into the index; a version never changes')
    .argument('<directory>', 'folder with package.yaml')
    .addHelpText('after', examples('hypermesh pkg publish ./hello'))
    .action(
      perform(async (context, directory: string) => {
        const { publish } = await import('../package/publish.ts');
        await publish(context, directory);
      }),
    );
  group
    .command('yank')
    .description('withdraw a version from new deployments')
    .argument('<package>', 'NAME@VERSION')
    .option('--undo', 'offer it again')
    .addHelpText('after', examples('hypermesh pkg yank hello@1.0.0', 'hypermesh pkg yank hello@1.0.0 --undo'))
    .action(
      perform(async (context, reference: string, options: { readonly undo?: boolean }) => {
        const { yank } = await import('../package/publish.ts');
        await yank(context, reference, options.undo !== true);
      }),
    );
}
