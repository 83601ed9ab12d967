// The process that meters modules has nothing else of STOQ.
import { defineErrors, type ErrorFactory } from '@hypermesh/stoq/errors';

const catalogue = {
  'catalog.module_malformed': { message: 'The file is not a valid WebAssembly module of the supported features', retryable: false },
  'catalog.module_import': { message: 'The module imports something that no capability grants', retryable: false },
  'catalog.module_entry': { message: 'The module exports no _start function or no memory', retryable: false },
  'catalog.module_memory': { message: 'The module needs more memory than its limit', retryable: false },
  'catalog.module_too_large': { message: 'The module exceeds the size limit', retryable: false },
  'catalog.module_unmetered': { message: 'The module uses an instruction that cannot be metered', retryable: false },
  'catalog.module_too_complex': {
    message: 'The module takes more functions, table entries, time or memory to meter than is allowed',
    retryable: false,
  },
  'catalog.metering_failed': { message: 'The process that meters modules ended before it was done', retryable: true },
  'catalog.guest_failed': { message: 'The guest process ended before it was ready', retryable: true },
  'catalog.description_invalid': { message: 'The package needs a package.yaml that can be used', retryable: false },
  'catalog.build_failed': { message: 'The sources of the package do not compile', retryable: false },
  'catalog.manifest_invalid': { message: 'The package manifest is invalid', retryable: false },
  'catalog.path_invalid': { message: 'The package contains a path that is not allowed', retryable: false },
  'catalog.package_too_large': { message: 'The package exceeds a size or count limit', retryable: false },
  'catalog.file_mismatch': { message: 'A file of the package does not match its digest in the manifest', retryable: false },
  'catalog.file_missing': { message: 'A file of the manifest is missing', retryable: false },
  'catalog.root_mismatch': { message: 'The package does not match its root', retryable: false },
  'catalog.signature_failed': { message: 'The signature of the package does not verify', retryable: false },
  'catalog.publisher_refused': { message: 'The certificate of the publisher was not valid when the package was ordered', retryable: false },
  'catalog.publisher_role': { message: 'The certificate of the publisher has no role that may publish', retryable: false },
  'catalog.unlogged': { message: 'The package is not in the transparency log', retryable: false },
  'catalog.version_exists': { message: 'That version is published already; versions never change', retryable: false },
  'catalog.version_unknown': { message: 'No such package or version is published', retryable: false },
  'catalog.version_yanked': { message: 'That version was withdrawn by its publisher', retryable: false },
  'catalog.name_taken': { message: 'The package name belongs to another publisher', retryable: false },
  'catalog.upload_gap': {
    message: 'The piece does not follow what is there; ask with an empty piece and go on from there',
    retryable: true,
  },
  'catalog.upload_limit': { message: 'Too many uploads of this publisher are unfinished; finish one or wait a day', retryable: true },
  'catalog.operation_malformed': { message: 'The operation is malformed', retryable: false },
  'catalog.query_unknown': { message: 'No such query exists', retryable: false },
  'catalog.unsupported': { message: 'This version does not support the feature', retryable: false },
} as const;

export type CatalogErrorCode = keyof typeof catalogue;

/** Errors of this package. */
export const catalogError: ErrorFactory<CatalogErrorCode> = defineErrors(catalogue);
