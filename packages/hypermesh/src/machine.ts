export type * from './machine/machine.ts';
