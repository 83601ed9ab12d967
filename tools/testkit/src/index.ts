export { type ByzantineComponents, ByzantineHost, type Misbehaviour } from './byzantine/byzantine-host.ts';
export { type GarbagePeerComponents, sendHandshakeGarbage, sendSessionGarbage } from './byzantine/garbage-peer.ts';
export { mutated } from './byzantine/mutation.ts';
export { Prng } from './prng.ts';
export { createTestSignatures, type TestSignatures } from './test-signatures.ts';
