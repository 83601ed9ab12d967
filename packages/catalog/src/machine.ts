export {
  type CertifiedPublisher,
  createIndexMachine,
  INDEX_MACHINE,
  INDEX_MACHINE_VERSION,
  type IndexJudge,
  type IndexOperation,
  indexOperationCodec,
} from './index/index-machine.ts';
export type { LogProof, PackageEntry } from './index/package-entry.ts';
