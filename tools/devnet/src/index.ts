export * from './errors.ts';
export type { JobReport } from './job/main-job.ts';
export { openUser, type User, type UserOptions } from './job/user.ts';
export { waitUntil } from './job/wait.ts';
export { DAEMONS, homeOf, logFileOf, type PlacedDaemon, USER, VALIDATORS } from './mesh/layout.ts';
export { type LocalMesh, type LocalMeshOptions, startLocalMesh } from './mesh/local-mesh.ts';
export { createLocalMesh, type NewMeshOptions } from './mesh/new-mesh.ts';
export { type DaemonAddresses, type DaemonKind, type DaemonProcess } from './process/daemon-process.ts';
export { ingressesOf, runUp, type RunningMesh, startMesh, type UpOptions, type UpReport } from './up.ts';
