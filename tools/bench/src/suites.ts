import { measureCaesar } from './caesar/suite.ts';
import { measureCatalog } from './catalog/suite.ts';
import { measureConsensus } from './mesh/consensus-suite.ts';
import { measureMesh } from './mesh/suite.ts';
import { measureStack } from './stack/suite.ts';
import { measureStoq } from './stoq/suite.ts';
import type { Suite } from './suite.ts';
import { measureTrustchain } from './trustchain/suite.ts';

/** What can be asked for by name. */
export const SUITES: Readonly<Record<string, readonly Suite[]>> = {
  stoq: [measureStoq],
  trustchain: [measureTrustchain],
  consensus: [measureConsensus],
  mesh: [measureMesh],
  catalog: [measureCatalog],
  caesar: [measureCaesar],
  // The stack first: an idle mesh is one that has not worked yet.
  all: [measureStack, measureStoq, measureTrustchain, measureCatalog, measureMesh, measureCaesar, measureConsensus],
};
