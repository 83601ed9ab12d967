import { type Codec, decode, encode } from '@hypermesh/stoq';

/** How one query of a machine is asked and answered. */
export interface Query<Argument, Answer> {
  readonly argument: Codec<Argument>;
  readonly answer: Codec<Answer>;
}

/** Whatever answers queries of machines from executed state in this process. */
export interface QuerySource {
  query(machine: string, method: string, argument: Uint8Array): Uint8Array;
}

/** Asks a machine by the codecs of the query. Throws what the machine throws. */
export function ask<Argument, Answer>(
  source: QuerySource,
  machine: string,
  method: string,
  query: Query<Argument, Answer>,
  argument: Argument,
): Answer {
  return decode(query.answer, source.query(machine, method, encode(query.argument, argument)));
}
