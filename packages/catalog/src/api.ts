import { type Contract, defineContract, type MethodSpec } from '@hypermesh/stoq';
import { z } from 'zod';
import { PUBLISHER_ROLES } from './index/index-machine.ts';
import { VERSIONS_PER_ANSWER_MAX } from './index/index-query.ts';
import type { PublishedVersion } from './index/published-version.ts';
import { FILE_BYTES_MAX, packageKindSchema } from './manifest/manifest.ts';
import { PACKAGE_NAME_LENGTH_MAX, VERSION_LENGTH_MAX } from './manifest/name.ts';

/** A piece of a blob; pieces follow each other without gap. */
export interface UploadRequest {
  /** Content address, 32 bytes. */
  readonly digest: Uint8Array;
  /** Length of the whole blob. */
  readonly size: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface UploadResponse {
  /** How many bytes are there: the offset of the next piece. */
  readonly received: number;
  /** True once the whole blob is verified and kept. */
  readonly complete: boolean;
}

/** An answer and the height of the agreed state that it was read from. */
export interface IndexAnswer<Value> {
  readonly height: number;
  readonly value: Value;
}

export type CatalogMethods = {
  /** An empty piece at offset 0 asks how much is there. */
  readonly upload: MethodSpec<UploadRequest, UploadResponse>;
  /** The exact version, or with an empty one the highest that is neither yanked nor a pre-release. */
  readonly resolve: MethodSpec<{ readonly name: string; readonly version: string }, IndexAnswer<PublishedVersion | null>>;
  /** Versions of one package; of all packages for an empty name. */
  readonly list: MethodSpec<{ readonly name: string }, IndexAnswer<readonly PublishedVersion[]>>;
};

// The unit of transfer of the blob protocol.
export const UPLOAD_PIECE_BYTES_MAX: number = 1024 * 1024;
// A piece and its four fields.
const UPLOAD_REQUEST_BYTES_MAX: number = UPLOAD_PIECE_BYTES_MAX + 1_024;
// One version is below 1 KiB.
const LIST_BYTES_MAX: number = VERSIONS_PER_ANSWER_MAX * 1_024;
const UPLOAD_DEADLINE_MS = 30_000;
const READ_DEADLINE_MS = 5_000;

const hash = z.instanceof(Uint8Array).refine((bytes) => bytes.length === 32, 'must have 32 bytes');
const height = z.int().min(0);
const name = z.string().max(PACKAGE_NAME_LENGTH_MAX);
const version = z.string().max(VERSION_LENGTH_MAX);

const published: z.ZodType<PublishedVersion> = z.strictObject({
  name,
  version,
  kind: packageKindSchema,
  root: hash,
  manifest: hash,
  publisher: hash,
  publishedAt: z.int().min(0),
  logIndex: z.int().min(0),
  yanked: z.boolean(),
});

/** Served by catalogd. The index answers come from the state that it has re-executed. */
export const catalogContract: Contract<CatalogMethods> = defineContract({
  name: 'catalog',
  version: 1,
  methods: {
    upload: {
      kind: 'unary',
      request: z.strictObject({
        digest: hash,
        size: z.int().min(0).max(FILE_BYTES_MAX),
        offset: z.int().min(0),
        bytes: z.instanceof(Uint8Array).refine((bytes) => bytes.length <= UPLOAD_PIECE_BYTES_MAX, 'the piece is too large'),
      }),
      response: z.strictObject({ received: z.int().min(0), complete: z.boolean() }),
      roles: PUBLISHER_ROLES,
      // A piece that was taken answers with what is there.
      idempotent: true,
      requestBytesMax: UPLOAD_REQUEST_BYTES_MAX,
      responseBytesMax: 256,
      deadlineMs: UPLOAD_DEADLINE_MS,
    },
    resolve: {
      kind: 'unary',
      request: z.strictObject({ name, version }),
      response: z.strictObject({ height, value: published.nullable() }),
      roles: 'any',
      idempotent: true,
      requestBytesMax: 1_024,
      responseBytesMax: 2_048,
      deadlineMs: READ_DEADLINE_MS,
    },
    list: {
      kind: 'unary',
      request: z.strictObject({ name }),
      response: z.strictObject({ height, value: z.array(published) }),
      roles: 'any',
      idempotent: true,
      requestBytesMax: 1_024,
      responseBytesMax: LIST_BYTES_MAX,
      deadlineMs: READ_DEADLINE_MS,
    },
  },
});
