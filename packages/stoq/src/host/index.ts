export { ADMIN_CONNECTIONS_MAX, type AdminServer, type AdminServerOptions, createAdminServer } from './admin-server.ts';
export { CONFIG_FILE_BYTES_MAX, type ConfigSources, loadConfig } from './config.ts';
export {
  type Daemon,
  type DaemonConfig,
  daemonConfigShape,
  type DaemonContext,
  type DaemonOptions,
  runDaemon,
  STOP_MS_MAX,
} from './daemon.ts';
export { createHealth, type Health, type HealthKind, type HealthProbe, type HealthReport } from './health.ts';
export { createLifeCycle, type LifeCycle, type NamedPart, type Startable, startAll } from './life-cycle.ts';
export { createLogger, LOG_LEVELS, type Logger, type LoggerOptions, type LogLevel } from './logger.ts';
export {
  type CounterMetric,
  createMetrics,
  type GaugeMetric,
  type HistogramMetric,
  type HistogramSpec,
  type LabelSets,
  type LabelsOf,
  type Metrics,
  type MetricSpec,
  type MetricsOptions,
} from './metrics.ts';
export { type DaemonAddresses } from './readiness.ts';
export { readSecretFile, SECRET_FILE_BYTES_MAX, type SecretFileOptions } from './secrets.ts';
export { type DaemonProcess } from './shutdown.ts';
