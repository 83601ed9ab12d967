import type { MethodSpec } from '@hypermesh/stoq';
import type { Prng } from '@hypermesh/testkit';

/** What is read of a schema: the definition that zod 4 keeps. */
interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, Schema>>;
  readonly element?: Schema;
  readonly innerType?: Schema;
  readonly in?: Schema;
  readonly keyType?: Schema;
  readonly valueType?: Schema;
  readonly options?: readonly Schema[];
  readonly entries?: Readonly<Record<string, string>>;
  readonly values?: readonly unknown[];
  readonly checks?: readonly { readonly _zod: { readonly def: { readonly check: string; readonly [key: string]: unknown } } }[];
}

type Schema = Pick<MethodSpec['request'], 'safeParse'> & { readonly _zod: { readonly def: unknown } };

/** Real bytes and texts of the mesh under attack: with them a request gets further than its schema. */
export interface Vocabulary {
  readonly bytes: readonly Uint8Array[];
  readonly texts: readonly string[];
}

const ATTEMPTS_MAX = 12;
const ITEMS_MAX = 4;
const PERIOD_BYTES = 256;
const LENGTHS: readonly number[] = [32, 32, 32, 0, 1, 16, 20, 31, 33, 64, 100, 1_000, 1_184, 1_568, 1_793, 2_420, 4_096, 65_536];
const TEXTS: readonly string[] = [
  '',
  'a',
  'mesh',
  'GET',
  '/',
  '/index.html',
  'a.mesh',
  '*',
  '0',
  '00'.repeat(16),
  '00'.repeat(20),
  '/tile/0/000',
  '\u{1f600}',
  'x'.repeat(300),
];
const NUMBERS: readonly number[] = [0, 1, 2, 3, 7, 32, 255, 1_000, 65_535, 2 ** 32, Number.MAX_SAFE_INTEGER, -1, 0.5];

/** A value that mostly satisfies the schema, from random choices and the words of the mesh. */
export function sample(schema: Schema, prng: Prng, vocabulary: Vocabulary): unknown {
  let value: unknown;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    value = candidate(schema, prng, vocabulary);
    if (schema.safeParse(value).success) return value;
  }
  return value;
}

function candidate(schema: Schema, prng: Prng, vocabulary: Vocabulary): unknown {
  const definition = schema._zod.def as Definition;
  const inner = (of: Schema | undefined): unknown => (of === undefined ? null : sample(of, prng, vocabulary));
  switch (definition.type) {
    case 'object':
      return Object.fromEntries(Object.entries(definition.shape ?? {}).map(([key, field]) => [key, inner(field)]));
    case 'array':
      return Array.from({ length: itemCount(definition, prng) }, () => inner(definition.element));
    case 'record':
      return Object.fromEntries(
        Array.from({ length: prng.integer(0, ITEMS_MAX) }, () => [String(inner(definition.keyType)), inner(definition.valueType)]),
      );
    case 'union':
      return inner(prng.pick(definition.options ?? []));
    case 'enum':
      return prng.pick(Object.values(definition.entries ?? {}));
    case 'literal':
      return prng.pick(definition.values ?? [null]);
    case 'string':
      return prng.pick([...TEXTS, ...vocabulary.texts]);
    case 'number':
      return prng.pick(NUMBERS);
    case 'bigint':
      return BigInt(Math.trunc(prng.pick(NUMBERS)));
    case 'boolean':
      return prng.chance(0.5);
    case 'null':
      return null;
    case 'nullable':
      return prng.chance(0.3) ? null : inner(definition.innerType);
    case 'custom':
      return prng.chance(0.3) && vocabulary.bytes.length > 0 ? prng.pick(vocabulary.bytes) : sampleBytes(schema, prng);
    case 'pipe':
      return inner(definition.in);
    default:
      return inner(definition.innerType);
  }
}

/** Lengths that a schema has taken, so that lists of hashes are not a matter of luck. */
const lengthsTaken = new WeakMap<Schema, number>();

function sampleBytes(schema: Schema, prng: Prng): Uint8Array {
  const taken = lengthsTaken.get(schema);
  const length = taken !== undefined && prng.chance(0.8) ? taken : prng.pick(LENGTHS);
  const bytes = randomBytes(length, prng);
  if (length > 0 && taken === undefined && schema.safeParse(bytes).success) lengthsTaken.set(schema, length);
  return bytes;
}

/** Random for a while, then repeating: what is long is looked at by nobody byte by byte. */
function randomBytes(length: number, prng: Prng): Uint8Array {
  return length <= PERIOD_BYTES ? prng.bytes(length) : new Uint8Array(Buffer.alloc(length, prng.bytes(PERIOD_BYTES)));
}

function itemCount({ checks = [] }: Definition, prng: Prng): number {
  const limit = (name: string, key: string): number | undefined =>
    checks.map(({ _zod }) => _zod.def).find(({ check }) => check === name)?.[key] as number | undefined;
  const exact = limit('length_equals', 'length');
  if (exact !== undefined) return exact;
  const min = limit('min_length', 'minimum') ?? 0;
  return prng.integer(min, Math.max(min, Math.min(min + ITEMS_MAX, limit('max_length', 'maximum') ?? ITEMS_MAX)));
}

/** Any value that can be written at all, of a shape that nobody expects. */
export function randomValue(prng: Prng, depth = 3): unknown {
  const leaves: readonly (() => unknown)[] = [
    () => prng.pick(NUMBERS.filter(Number.isSafeInteger)),
    () => prng.chance(0.5),
    () => null,
    () => prng.pick(TEXTS),
    () => randomBytes(prng.pick(LENGTHS), prng),
    () => BigInt(prng.uint32()) << BigInt(prng.integer(0, 200)),
  ];
  if (depth === 0 || prng.chance(0.5)) return prng.pick(leaves)();
  const items = Array.from({ length: prng.integer(0, ITEMS_MAX) }, () => randomValue(prng, depth - 1));
  return prng.chance(0.5)
    ? items
    : Object.fromEntries(items.map((item, index) => [prng.pick(['digest', 'id', 'name', `k${index}`]), item]));
}
