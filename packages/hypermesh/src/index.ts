export * from './errors.ts';
export type * from './machine/machine.ts';
export type * from './runtime/driver.ts';
