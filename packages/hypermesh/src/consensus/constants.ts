// A block of 256 digests is 9 KiB; with batches of 1 MiB it orders 256 MiB, more than a round moves.
export const BATCHES_PER_BLOCK_MAX: number = 256;
// A voter's clock may differ this much from the time of the block, as may any two clocks of the mesh.
export const BLOCK_TIME_SKEW_MS_MAX: number = 2_000;
// Two certificates of 100 validators with the largest signatures (ML-DSA-65: 3.3 KiB) and a block.
export const CONSENSUS_MESSAGE_BYTES_MAX: number = 1024 * 1024;
// Ordering 32 full blocks clears it; the mempool of the shell bounds what a client can add.
export const PENDING_DIGESTS_MAX: number = 8_192;
// Digests ordered not long ago, so that a late copy of a batch is not proposed again: 256 full blocks.
export const ORDERED_DIGESTS_MAX: number = 65_536;
// One announcement; the next time-out announces what is left.
export const ANNOUNCED_DIGESTS_MAX: number = 256;
// Rounds ahead of the own round for which votes are kept: what a quorum can advance while one message is on its way.
export const VOTE_ROUNDS_AHEAD_MAX: number = 16;
// Rounds behind the own round in which a second proposal of a leader is still noticed.
export const PROPOSAL_ROUNDS_BEHIND_MAX: number = 16;
// Uncommitted blocks: with at most f faulty leaders three honest ones in a row commit everything within 3n rounds.
export const UNCOMMITTED_BLOCKS_MAX: number = 1_024;
// Proposals whose parent is still being fetched, one a round.
export const ORPHAN_BLOCKS_MAX: number = 16;
// Blocks that one answer to `fetch-blocks` may carry.
export const FETCHED_BLOCKS_MAX: number = 64;
// Roots of executed heights that are kept for comparison; a proposer that lags further behind repeats its parent's root.
export const EXECUTED_ROOTS_MAX: number = 1_024;
// Certificates that were verified; each appears in a proposal, in time-outs and in blocks fetched around the same time.
export const VERIFIED_CERTIFICATES_MAX: number = 1_024;
// Median round trip plus signing and storing of the slowest validator of a wide-area mesh.
export const ROUND_TIMEOUT_MS_BASE: number = 1_000;
// A mesh that lost its quorum probes at least this often, so it resumes within this time.
export const ROUND_TIMEOUT_MS_MAX: number = 10_000;
