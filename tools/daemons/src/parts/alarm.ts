import type { DaemonContext } from '@hypermesh/stoq/host';

/** A part that has stopped for good makes the whole daemon unfit: health says so, and a service manager restarts it. */
export function createAlarm({ health, logger }: Pick<DaemonContext<unknown>, 'health' | 'logger'>): (error: Error) => void {
  return (error) => {
    logger.fatal({ err: error }, 'the log has stopped here');
    health.check('live', 'log', () => error.message);
  };
}
