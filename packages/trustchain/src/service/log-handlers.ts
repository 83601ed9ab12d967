import type { Handlers } from '@hypermesh/stoq';
import { LOG_ENTRIES_PER_ANSWER_MAX, type LogName, type TrustchainMethods } from '../api.ts';
import { trustError } from '../errors.ts';
import type { Log } from '../log/log.ts';

export type Logs = Readonly<Record<LogName, Log>>;

type LogMethods = Pick<TrustchainMethods, 'log.checkpoint' | 'log.tile' | 'log.entries' | 'log.add' | 'log.proof' | 'log.consistency'>;

export function createLogHandlers(logs: Logs): Handlers<LogMethods> {
  return {
    'log.checkpoint': async ({ log }) => ({ checkpoint: logs[log].checkpoint() }),
    'log.tile': async ({ log, path }) => ({ tile: await logs[log].read(path) }),
    async 'log.entries'({ log, start, end }) {
      const size = logs[log].size();
      if (end <= start || end - start > LOG_ENTRIES_PER_ANSWER_MAX || end > size) {
        throw trustError('trustchain.log_range', { start, end, size, countMax: LOG_ENTRIES_PER_ANSWER_MAX });
      }
      const indexes = Array.from({ length: end - start }, (_, offset) => start + offset);
      return { entries: await Promise.all(indexes.map((index) => logs[log].entry(index))) };
    },
    'log.add': async ({ entry }, { signal }) => logs.packages.add(entry, { signal }),
    'log.proof': async ({ log, index }) => logs[log].receipt(index),
    'log.consistency': async ({ log, from, to }) => ({ hashes: await logs[log].consistency(from, to) }),
  };
}
