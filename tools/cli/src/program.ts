import { readFileSync } from 'node:fs';
import type { Command, OutputConfiguration } from 'commander';
import { examples, seconds } from './arguments.ts';
import type { Perform } from './command.ts';
import { declareApp } from './commands/app.ts';
import { declareAsset } from './commands/asset.ts';
import { declareCertificate } from './commands/certificate.ts';
import { declareContext } from './commands/context.ts';
import { declareLedger } from './commands/ledger.ts';
import { declareLog } from './commands/log.ts';
import { declareMesh } from './commands/mesh.ts';
import { declareNode } from './commands/node.ts';
import { declarePackage } from './commands/package.ts';
import { declareUnsupported } from './commands/unsupported.ts';
import { declareUp } from './commands/up.ts';
import { declareCompletion } from './completion.ts';
import { ProgramCommand } from './program-command.ts';

const GROUPS = [
  declareUp,
  declareMesh,
  declareContext,
  declareNode,
  declareCertificate,
  declarePackage,
  declareApp,
  declareAsset,
  declareLedger,
  declareLog,
  declareUnsupported,
];

/** The whole tree of commands. It loads nothing but itself: what a command does is imported when it runs. */
export function createProgram(perform: Perform, output: OutputConfiguration): Command {
  const program = new ProgramCommand('hypermesh')
    .description('Run apps on machines of many owners, and see that everybody keeps the rules')
    .version(version(), '-V, --version')
    .option('--json', 'print exactly one JSON value; amounts are decimal strings of 1e-9 CAES')
    .option('--context <name>', 'the membership to use; see "hypermesh context ls"')
    .option('--timeout <seconds>', 'give up after this long (default: 60 for most commands)', seconds)
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('Add --help for what the command takes.')
    .configureOutput(output)
    .exitOverride()
    .addHelpText(
      'after',
      `${examples('hypermesh up', 'hypermesh login join1.AAAA...', 'hypermesh pkg publish ./hello', 'hypermesh app deploy hello --replicas 3')}
Exit codes: 0 done, 1 failed, 2 the command line or its input is wrong, 3 not authorised, 4 the mesh is not available.
Completion: source <(hypermesh complete bash)`,
    );
  for (const declare of GROUPS) declare(program, perform);
  declareCompletion(program);
  return program;
}

function version(): string {
  const { version: text } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  return text;
}
