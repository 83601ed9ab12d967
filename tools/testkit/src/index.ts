export { Prng } from './prng.ts';
export { createTestSignatures, type TestSignatures } from './test-signatures.ts';
