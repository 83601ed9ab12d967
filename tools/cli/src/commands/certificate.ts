import { type Command, Option } from 'commander';
import { examples } from '../arguments.ts';
import type { Perform } from '../command.ts';
import type { ExportOptions } from '../certificate/own.ts';
import type { ListOptions } from '../certificate/log.ts';
import type { RevokeOptions } from '../certificate/revoke.ts';

// RFC 5280, section 5.3.1, as far as it concerns a leaf.
const REASONS = ['unspecified', 'key-compromise', 'affiliation-changed', 'superseded', 'cessation-of-operation', 'privilege-withdrawn'];

export function declareCertificate(program: Command, perform: Perform): void {
  const group = program.command('cert').description('certificates and the logs that make them public');
  declareOwn(group, perform);
  group
    .command('ls')
    .description('list certificates of the log, newest first')
    .option('--name <text>', 'only those whose names contain this')
    .option('--all', 'also those that have expired')
    .addHelpText('after', examples('hypermesh cert ls', 'hypermesh cert ls --name node-1 --all'))
    .action(
      perform(async (context, options: ListOptions) => {
        const { listCertificates } = await import('../certificate/log.ts');
        await listCertificates(context, options);
      }),
    );
  group
    .command('log')
    .description('verify and show the checkpoints of the three transparency logs')
    .addHelpText('after', examples('hypermesh cert log --json'))
    .action(
      perform(async (context) => {
        const { showCheckpoints } = await import('../certificate/log.ts');
        await showCheckpoints(context);
      }),
    );
  group
    .command('verify')
    .description('verify a certificate bundle of this mesh: chain, both signatures, log proof, revocation')
    .argument('<file>', 'an encoded bundle, such as data/bundle of a home')
    .addHelpText('after', examples('hypermesh cert verify ./bundle'))
    .action(
      perform(async (context, file: string) => {
        const { verifyFile } = await import('../certificate/verify.ts');
        await verifyFile(context, file);
      }),
    );
  group
    .command('revoke')
    .description('revoke a certificate for good')
    .argument('<serial>', 'serial in hexadecimal, or "own"')
    .addOption(new Option('--reason <reason>', 'why').choices(REASONS).default('unspecified'))
    .addHelpText('after', examples('hypermesh cert revoke own --reason key-compromise'))
    .action(
      perform(async (context, serial: string, options: RevokeOptions) => {
        const { revoke } = await import('../certificate/revoke.ts');
        await revoke(context, serial, options);
      }),
    );
}

function declareOwn(group: Command, perform: Perform): void {
  group
    .command('show')
    .description('show the certificate of the context')
    .addHelpText('after', examples('hypermesh cert show'))
    .action(
      perform(async (context) => {
        const { showOwn } = await import('../certificate/own.ts');
        await showOwn(context);
      }),
    );
  group
    .command('renew')
    .description('renew the certificate if it is in the last quarter of its life, and refresh its log proof')
    .addHelpText('after', examples('hypermesh cert renew'))
    .action(
      perform(async (context) => {
        const { renewOwn } = await import('../certificate/own.ts');
        await renewOwn(context);
      }),
    );
  group
    .command('export')
    .description('write the certificate and its issuers for other tools')
    .option('--pem', 'as PEM; with --json as one string (the only form in this version)')
    .option('--output <file>', 'to a file instead of standard output')
    .addHelpText('after', examples('hypermesh cert export --pem', 'hypermesh cert export --pem --output cert.pem'))
    .action(
      perform(async (context, options: ExportOptions) => {
        const { exportOwn } = await import('../certificate/own.ts');
        await exportOwn(context, options);
      }),
    );
}
