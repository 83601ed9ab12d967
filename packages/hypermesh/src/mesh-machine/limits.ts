// One mesh is one bounded group; larger ones federate.
export const MEMBER_COUNT_MAX: number = 10_000;

// Placement looks at every node, so their number bounds the work of a block.
export const NODE_COUNT_MAX: number = 1_000;

// Funds of every app are looked at regularly, and each pending one is placed again and again.
export const APP_COUNT_MAX: number = 1_000;
// An eighth, as in the mempool: nobody takes the mesh alone.
export const APPS_PER_OWNER_MAX: number = 125;

// One app on every fourth node of the largest mesh.
export const REPLICA_COUNT_MAX: number = 256;

// Replicas that run, and closed ones that wait for their bill: 10 MiB of state.
export const PLACEMENT_COUNT_MAX: number = 20_000;
// An eighth.
export const PLACEMENTS_PER_OWNER_MAX: number = 2_500;

// Open invitations; expired ones are forgotten.
export const INVITATION_COUNT_MAX: number = 1_000;
export const INVITATION_MS_MAX: number = 30 * 24 * 3_600_000;

// Invitations are followed so far back from a member; two who were invited again may have invited each other.
export const SPONSOR_COUNT_MAX: number = 8;

// A machine shows its processor, memory, disk and network interfaces, with room for accelerators.
export const ASSET_COUNT_MAX: number = 32;

// Carriers times address families, with room; as in genesis.
export const ADDRESS_COUNT_MAX: number = 8;
export const ADDRESS_LENGTH_MAX: number = 128;

// A DNS label: the app is reached as `<name>.mesh`.
export const APP_NAME_LENGTH_MAX: number = 63;

// A name of genesis, or the text form of a node id.
export const MEMBER_NAME_LENGTH_MAX: number = 64;

// An error code or a few words.
export const REASON_LENGTH_MAX: number = 200;

// The environment and arguments of one workload stay far below the kernel's limit for a new process (128 KiB a string).
export const ENV_COUNT_MAX: number = 64;
export const ENV_NAME_LENGTH_MAX: number = 64;
export const ENV_VALUE_LENGTH_MAX: number = 1_024;
export const ARG_COUNT_MAX: number = 32;
export const ARG_LENGTH_MAX: number = 1_024;

// Placements that one block opens, whoever asks: each one is closed once, so that this bounds closing too.
export const PLACED_PER_BLOCK_MAX: number = 64;

// Nodes and placements that the transactions of one block make it look at to place replicas: every node of the largest mesh four
// times, some half a second. Apps beyond it are pending.
export const EXAMINED_PER_BLOCK_MAX: number = 4_096;

// Work that one block does besides its transactions.
export const PENDING_APPS_PER_BLOCK_MAX: number = 16;
export const PRUNED_PER_BLOCK_MAX: number = 64;

// Funds are looked at once in so many blocks: a suspension may be late by a tick of leases, not by a period.
export const FUNDS_CHECK_BLOCKS: number = 4;

// Funds have to last so long: with room, longer than until the next look, so that no node works for an empty escrow.
export const FUNDS_AHEAD_MS: number = 60_000;

// Time for an ingress to hand in its counts of a replica that is gone.
export const CLOSED_KEPT_MS: number = 60_000;

// A replica that a node could not keep running this often is tried elsewhere.
export const PLACEMENT_FAILURES_MAX: number = 5;

// A replica that was ready this long failed for a new reason: its earlier failures are forgotten.
export const STABLE_MS_MIN: number = 60_000;

// Nodes that an app avoids when others are free.
export const AVOIDED_COUNT_MAX: number = 8;

// The validator set of genesis.
export const COMMITTEE_COUNT_MAX: number = 100;
