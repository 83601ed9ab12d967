export { catalogContract, type CatalogMethods, type IndexAnswer } from './api.ts';
export { formatPackage } from './index/package-entry.ts';
export type { PublishedVersion } from './index/published-version.ts';
