export { type CaesardDaemonConfig, caesardSchema, composeCaesard } from './compose/caesard.ts';
export { type CatalogdDaemonConfig, catalogdSchema, composeCatalogd } from './compose/catalogd.ts';
export { composeHypermeshd, type HypermeshdConfig, hypermeshdSchema } from './compose/hypermeshd.ts';
export { composeStoqd, type StoqdDaemonConfig, stoqdSchema } from './compose/stoqd.ts';
export { createMachines } from './parts/machines.ts';
