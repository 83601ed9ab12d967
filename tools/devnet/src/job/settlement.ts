import { CAESAR_MACHINE, CAESAR_QUERIES, closeOperation, PERIOD_MS_MIN, type Period, periodCodec } from '@hypermesh/caesar';
import { decode, encode } from '@hypermesh/stoq';
import type { User } from './user.ts';
import { waitUntil } from './wait.ts';

const CLOSED_MS_MAX = 60_000;

/** Closes the running period and answers what it paid. */
export function closePeriod({ mesh, account }: User, signal: AbortSignal): Promise<Period> {
  // Another one may have closed it in between, or so recently that the next is too short.
  return waitUntil(`a settlement period of at least ${PERIOD_MS_MIN} ms to close`, CLOSED_MS_MAX, signal, async () => {
    const { argument, answer } = CAESAR_QUERIES['period.last'];
    const { result } = await mesh.query(CAESAR_MACHINE, 'period.last', encode(argument, 0), { signal });
    const { results } = await mesh.transact(account, CAESAR_MACHINE, [closeOperation(decode(answer, result))], { signal });
    return decode(periodCodec, results[0] as Uint8Array);
  });
}
