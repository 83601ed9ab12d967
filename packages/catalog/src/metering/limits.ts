// Apart from `instrument`, which loads the compiler library (50 MB): only the process that meters needs that.

/** Version of the metering: part of the key under which instrumented modules are cached. */
export const METERING_VERSION: number = 2;

// The deepest recursion; V8's stack holds about ten times as many small frames.
export const CALL_DEPTH_MAX: number = 1_024;

/** Exported, mutable i64: fuel left. The host sets it before each call; below zero the guest traps. */
export const FUEL_EXPORT: string = '__fuel';

// Charges make code up to five times as long where it is all branches; the guest's process has to compile the result.
export const METERED_BYTES_MAX: number = 128 * 1024 * 1024;
