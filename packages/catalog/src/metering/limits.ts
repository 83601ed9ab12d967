// Apart from `instrument`, which loads the compiler library (50 MB): only the thread that meters needs that.

/** Version of the metering: part of the key under which instrumented modules are cached. */
export const METERING_VERSION: number = 1;

// The deepest recursion; V8's stack holds about ten times as many small frames.
export const CALL_DEPTH_MAX: number = 1_024;

// Fuel for the start function, which runs before the host can set the guest's own budget.
export const FUEL_AT_START: bigint = 1n << 32n;
