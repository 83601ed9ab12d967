import { type Clock, encode, list } from '@hypermesh/stoq';
import { detectAssets } from '../assets/detection.ts';
import { detectedAssetCodec } from '../mesh-machine/asset.ts';
import { ASSET_COUNT_MAX } from '../mesh-machine/limits.ts';
import { openProvenance, type ProvenanceChain } from '../proof/provenance.ts';

/** The node's chain; a new one begins with the hardware as it is detected now. */
export async function openNodeProvenance(path: string, node: Uint8Array, directory: string, clock: Clock): Promise<ProvenanceChain> {
  const chain = await openProvenance(path, node);
  if (chain.length === 0)
    await chain.append('genesis', encode(list(detectedAssetCodec, ASSET_COUNT_MAX), await detectAssets(directory)), clock.now());
  return chain;
}
