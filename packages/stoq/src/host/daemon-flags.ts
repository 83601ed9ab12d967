import { parseArgs } from 'node:util';
import { stoqError } from '../errors.ts';

/** What every daemon takes on its command line. */
export interface DaemonFlags {
  readonly configFile: string | undefined;
  /** Stop when the standard input ends, as it does when the process that holds its other end is gone. */
  readonly exitWithParent: boolean;
  /** Where to announce readiness; by default the standard output. */
  readonly readyFd: number | undefined;
  readonly readyFile: string | undefined;
  /** Single keys of the configuration, e.g. `log.level`. */
  readonly set: Readonly<Record<string, string>>;
  readonly help: boolean;
}

export const DAEMON_USAGE = `  --config FILE        configuration, YAML
  --set KEY=VALUE      one key of the configuration; may be repeated
  --exit-with-parent   stop when the standard input ends
  --ready-fd N         announce readiness on that file descriptor
  --ready-file FILE    announce readiness by creating that file
  --help               print this
`;

/** Throws `stoq.config_invalid` for a flag that is unknown or misused. */
export function parseDaemonFlags(args: readonly string[]): DaemonFlags {
  const { values } = parse(args);
  return {
    configFile: values.config,
    exitWithParent: values['exit-with-parent'],
    readyFd: values['ready-fd'] === undefined ? undefined : fileDescriptor(values['ready-fd']),
    readyFile: values['ready-file'],
    set: Object.fromEntries(values.set.map(assignment)),
    help: values.help,
  };
}

interface Values {
  readonly config?: string;
  readonly 'exit-with-parent': boolean;
  readonly 'ready-fd'?: string;
  readonly 'ready-file'?: string;
  readonly set: readonly string[];
  readonly help: boolean;
}

function parse(args: readonly string[]): { readonly values: Values } {
  try {
    return parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        config: { type: 'string' },
        'exit-with-parent': { type: 'boolean', default: false },
        'ready-fd': { type: 'string' },
        'ready-file': { type: 'string' },
        set: { type: 'string', multiple: true, default: [] },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (cause) {
    throw flagInvalid(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function fileDescriptor(text: string): number {
  if (!/^[1-9][0-9]{0,3}$/.test(text)) throw flagInvalid('--ready-fd takes the number of an open file descriptor');
  return Number(text);
}

function assignment(text: string): [key: string, value: string] {
  const mark = text.indexOf('=');
  if (mark <= 0) throw flagInvalid('--set takes KEY=VALUE');
  return [text.slice(0, mark), text.slice(mark + 1)];
}

function flagInvalid(reason: string, cause?: unknown): Error {
  return stoqError('stoq.config_invalid', { source: 'command line', reason, remedy: 'see --help' }, { cause });
}
