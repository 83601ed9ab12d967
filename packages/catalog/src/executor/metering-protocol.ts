import type { CatalogErrorCode } from '../errors.ts';

/** What the driver sends to the process that meters. */
export interface MeteringTask {
  readonly module: Uint8Array;
}

/** What comes back: the metered module, or why there is none. */
export type MeteringResult =
  | { readonly kind: 'metered'; readonly module: Uint8Array }
  | { readonly kind: 'refused'; readonly code: CatalogErrorCode; readonly data: Readonly<Record<string, string | number>> };
