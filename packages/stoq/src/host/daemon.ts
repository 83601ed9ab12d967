import { z } from 'zod';
import { type CodedError, hasCode } from '../errors.ts';
import { type AdminServer, createAdminServer } from './admin-server.ts';
import { loadConfig } from './config.ts';
import { DAEMON_USAGE, type DaemonFlags, parseDaemonFlags } from './daemon-flags.ts';
import { createHealth, type Health } from './health.ts';
import { createLifeCycle, type LifeCycle, type NamedPart, type Startable } from './life-cycle.ts';
import { createLogger, LOG_LEVELS, type Logger, type LogLevel } from './logger.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { announceReadiness, type DaemonAddresses } from './readiness.ts';
import { type DaemonProcess, type ShutdownWatch, watchShutdown } from './shutdown.ts';

export interface Daemon extends Startable {
  /** Where it serves; asked once it has started. */
  addresses(): DaemonAddresses;
}

/** What the configuration of every daemon has. */
export interface DaemonConfig {
  readonly log: { readonly level: LogLevel; readonly file: string | null };
  /** Null for no admin server. */
  readonly admin: { readonly listen: string | null };
}

/** For a daemon's schema: `z.strictObject({ ...daemonConfigShape, .. })`. */
export const daemonConfigShape: { readonly [K in keyof DaemonConfig]: z.ZodType<DaemonConfig[K]> } = {
  log: z.strictObject({ level: z.enum(LOG_LEVELS).default('info'), file: z.string().min(1).nullable().default(null) }).prefault({}),
  admin: z.strictObject({ listen: z.string().nullable().default('127.0.0.1:0') }).prefault({}),
};

export interface DaemonContext<Config> {
  readonly config: Config;
  /** Relative paths of the configuration are relative to the working directory. */
  readonly configFile: string | undefined;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly health: Health;
  /** Aborted when the daemon has to stop. */
  readonly signal: AbortSignal;
}

export interface DaemonOptions<Config extends DaemonConfig> {
  /** Of the executable; upper-cased it is the prefix of environment variables, e.g. `STOQD_LOG__LEVEL`. */
  readonly name: string;
  readonly schema: z.ZodType<Config>;
  /** Builds the daemon; `start` runs it, `stop` ends it. */
  readonly create: (context: DaemonContext<Config>) => Promise<Daemon>;
  readonly process?: DaemonProcess;
  readonly stopMsMax?: number;
}

// Longer than a graceful close of all sessions and a last flush to disk; shorter than the 90 s of service managers.
export const STOP_MS_MAX = 30_000;

// EX_CONFIG of sysexits.h: starting again does not help.
const EXIT_CONFIG = 78;
const EXIT_FAILURE = 1;

/**
 * The whole life of a daemon process: reads the command line and the configuration, starts the admin server and the
 * daemon, announces readiness, waits for a reason to stop, stops. Settles when all is stopped; sets `process.exitCode`.
 */
export async function runDaemon<Config extends DaemonConfig>(options: DaemonOptions<Config>): Promise<void> {
  const process = options.process ?? globalThis.process;
  let logger = createLogger({ name: options.name });
  try {
    const flags = parseDaemonFlags(process.argv.slice(2));
    if (flags.help) {
      process.stdout.write(`${options.name} [flags]\n${DAEMON_USAGE}`);
      return;
    }
    const config = await readConfig(options, process, flags);
    logger = createLogger({
      name: options.name,
      level: config.log.level,
      destination: config.log.file === null ? 'stderr' : { file: config.log.file },
    });
    await runConfigured(options, { process, flags, config, logger });
  } catch (error) {
    const mistake = operatorsMistake(error);
    if (mistake === undefined) logger.fatal({ err: error }, 'ended by a failure');
    // Where in the program it was found is no news to the operator, and buries what is.
    else logger.fatal({ err: { code: mistake.code, data: mistake.data } }, mistake.message);
    process.exitCode = mistake === undefined ? EXIT_FAILURE : EXIT_CONFIG;
  }
}

interface Run<Config> {
  readonly process: DaemonProcess;
  readonly flags: DaemonFlags;
  readonly config: Config;
  readonly logger: Logger;
}

async function runConfigured<Config extends DaemonConfig>(options: DaemonOptions<Config>, run: Run<Config>): Promise<void> {
  const { process, flags, logger } = run;
  const watch = watchShutdown({
    process,
    logger,
    exitWithParent: flags.exitWithParent,
    stopMsMax: options.stopMsMax ?? STOP_MS_MAX,
  });
  try {
    const { lifeCycle, addresses, started } = assemble(options, run, watch);
    const stopping = watch.requested.then(async (reason) => {
      logger.info({ reason: reason.kind === 'signal' ? reason.signal : reason.kind }, 'stopping');
      await lifeCycle.stop();
    });
    // A failure to stop is reported below, after the start has settled.
    stopping.catch(() => {});
    await startUnlessStopped(lifeCycle, watch);
    if (!watch.signal.aborted) {
      started();
      logger.info({ addresses: addresses() }, 'ready');
      await announceReadiness({ name: options.name, addresses: addresses() }, flags, process.stdout);
    }
    await stopping;
    logger.info('stopped');
  } finally {
    watch.release();
  }
}

async function startUnlessStopped(lifeCycle: LifeCycle, watch: ShutdownWatch): Promise<void> {
  try {
    await lifeCycle.start();
  } catch (error) {
    if (!watch.signal.aborted) throw error;
  }
}

interface Assembly {
  readonly lifeCycle: LifeCycle;
  readonly addresses: () => DaemonAddresses;
  readonly started: () => void;
}

/** The admin server starts first, so that a daemon that takes long to start says so. */
function assemble<Config extends DaemonConfig>(options: DaemonOptions<Config>, run: Run<Config>, watch: ShutdownWatch): Assembly {
  const { config, logger, flags } = run;
  const metrics = createMetrics({ name: options.name, process: true });
  const health = createHealth();
  const started = health.check('ready', 'started', () => 'starting');
  const { listen } = config.admin;
  const admin: AdminServer | undefined = listen === null ? undefined : createAdminServer({ listen, health, metrics });
  let daemon: Daemon | undefined;
  const part: Startable = {
    async start() {
      daemon = await options.create({ config, configFile: flags.configFile, logger, metrics, health, signal: watch.signal });
      await daemon.start();
    },
    async stop() {
      await daemon?.stop();
    },
  };
  const parts: NamedPart[] = [[options.name, part]];
  if (admin !== undefined) parts.unshift(['admin', admin]);
  return {
    lifeCycle: createLifeCycle(parts),
    addresses: () => ({ ...daemon?.addresses(), ...(admin && { admin: admin.address() }) }),
    started,
  };
}

async function readConfig<Config extends DaemonConfig>(
  options: DaemonOptions<Config>,
  process: DaemonProcess,
  flags: DaemonFlags,
): Promise<Config> {
  return loadConfig({
    schema: options.schema,
    file: flags.configFile,
    environment: { prefix: `${options.name.toUpperCase().replaceAll('-', '_')}_`, variables: process.env },
    flags: flags.set,
  });
}

function operatorsMistake(error: unknown): CodedError | undefined {
  const cause = hasCode(error, 'stoq.start_failed') ? error.cause : error;
  return hasCode(cause, 'stoq.config_invalid') || hasCode(cause, 'stoq.secret_unreadable') ? cause : undefined;
}
