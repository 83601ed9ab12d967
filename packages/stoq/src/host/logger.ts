import { destination as openDestination, type Logger as PinoLogger, pino, stdTimeFunctions, type DestinationStream } from 'pino';

/**
 * Who must act: `fatal` the operator, the daemon ends; `error` the operator, the daemon goes on without something;
 * `warn` the operator if it persists; `info` nobody, a step of the daemon's own life; `debug`, `trace` developers.
 * Nothing that a peer sent is logged at `info` or above, only codes and counts.
 */
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

export const LOG_LEVELS: readonly LogLevel[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

export type Logger = PinoLogger;

export interface LoggerOptions {
  /** Of the daemon. */
  readonly name: string;
  readonly level?: LogLevel;
  /** `stderr`, a file that lines are appended to (made with mode 0600), or a stream. */
  readonly destination?: 'stderr' | { readonly file: string } | DestinationStream;
}

const STDERR_FD = 2;
// Keys whose values are secrets wherever they appear in the first two levels of a line.
const SECRET_KEYS: readonly string[] = ['secret', 'secrets', 'password', 'passphrase', 'token', 'seed', 'privateKey', 'secretKey'];

/** JSON lines, written before the call returns so that the last ones before a crash are there. */
export function createLogger({ name, level = 'info', destination = 'stderr' }: LoggerOptions): Logger {
  return pino(
    {
      name,
      level,
      base: { name, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`]), censor: '[redacted]' },
      formatters: { level: (label) => ({ level: label }), log: withoutBytes },
    },
    streamOf(destination),
  );
}

function streamOf(destination: NonNullable<LoggerOptions['destination']>): DestinationStream {
  if (destination === 'stderr') return openDestination({ fd: STDERR_FD, sync: true });
  if ('file' in destination) return openDestination({ dest: destination.file, append: true, mkdir: true, mode: 0o600, sync: true });
  return destination;
}

/** Byte arrays are keys and payloads: a log shows how many bytes, never which. */
function withoutBytes(entry: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(entry).map(([key, value]) => [key, ArrayBuffer.isView(value) ? `${value.byteLength} bytes` : value]),
  );
}
