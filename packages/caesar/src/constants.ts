/** Units of 1e-9 CAES in one CAES. */
export const UNITS_PER_CAES: bigint = 1_000_000_000n;

/** The whole supply in units: 1e9 CAES, issued once at genesis. Fits 63 bits, and so does every sum of balances. */
export const SUPPLY_UNITS: bigint = 1_000_000_000n * UNITS_PER_CAES;

/** Price of one leased core for one hour, units (0.10 CAES). */
export const PRICE_CORE_HOUR_UNITS: bigint = 100_000_000n;

/** Price of one leased GiB of memory for one hour, units (0.05 CAES). */
export const PRICE_GIB_HOUR_UNITS: bigint = 50_000_000n;

/** Price of one countersigned request, units (1e-6 CAES). */
export const PRICE_REQUEST_UNITS: bigint = 1_000n;

// A period shorter than this would spend more on settling than on serving.
export const PERIOD_MS_MIN: number = 1_000;

// Placements that one close looks at: keeps the execution of its block well under a second. The next close goes on behind them.
export const PLACEMENTS_PER_CLOSE_MAX: number = 5_000;

// Providers that one close pays: the period with all of them is the result of its operation, which has at most 64 KiB.
export const PROVIDERS_PER_CLOSE_MAX: number = 500;

// No replica answers more: what an ingress signs above it is not counted, whoever the ingress belongs to.
export const REQUESTS_PER_SECOND_MAX: number = 10_000;

// Pending transfers that expire in one block, for the same reason; the rest follow in later blocks.
export const EXPIRIES_PER_BLOCK_MAX: number = 1_000;

// A pending transfer may be held for at most 31 days, so that the expiry index stays bounded.
export const PENDING_MS_MAX: number = 31 * 24 * 60 * 60 * 1_000;
