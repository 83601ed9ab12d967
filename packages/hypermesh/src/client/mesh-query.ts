import { decode, encode } from '@hypermesh/stoq';
import { MESH_MACHINE } from '../mesh-machine/accounts.ts';
import type { Query } from '../machine/query.ts';
import { MESH_QUERIES, type MeshQueries } from '../mesh-machine/query.ts';
import type { MeshClient } from './mesh-client.ts';

type ArgumentOf<Q> = Q extends Query<infer Argument, unknown> ? Argument : never;
type AnswerOf<Q> =
  Q extends Query<never, infer Answer> ? Answer : Q extends { answer: { read: (...parts: never[]) => infer A } } ? A : never;

/** Asks the mesh machine of whichever validator answers. Throws what the query names. */
export async function queryMesh<Method extends keyof MeshQueries>(
  client: Pick<MeshClient, 'query'>,
  method: Method,
  argument: ArgumentOf<MeshQueries[Method]>,
  options: { readonly signal: AbortSignal },
): Promise<AnswerOf<MeshQueries[Method]>> {
  const query = MESH_QUERIES[method] as Query<unknown, unknown>;
  const { result } = await client.query(MESH_MACHINE, method, encode(query.argument, argument), options);
  return decode(query.answer, result) as AnswerOf<MeshQueries[Method]>;
}
