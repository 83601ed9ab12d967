import { catalogError } from '../errors.ts';
import { assertModuleLimits } from '../module/limits.ts';
import { WASI_FUNCTIONS, WASI_MODULE } from './wasi-host.ts';

/** Refuses a module that is too large, that is not a WASI command, or that imports what this host does not offer; names the import. */
export function checkModule(bytes: Uint8Array): void {
  assertModuleLimits(bytes);
  const module = compile(bytes);
  for (const entry of WebAssembly.Module.imports(module)) {
    const granted = entry.module === WASI_MODULE && entry.kind === 'function' && WASI_FUNCTIONS.has(entry.name);
    if (!granted) throw catalogError('catalog.module_import', { import: `${entry.module}.${entry.name}` });
  }
  const exported = new Map(WebAssembly.Module.exports(module).map((entry) => [entry.name, entry.kind]));
  if (exported.get('_start') !== 'function') throw catalogError('catalog.module_entry', { missing: '_start' });
  if (exported.get('memory') !== 'memory') throw catalogError('catalog.module_entry', { missing: 'memory' });
}

function compile(bytes: Uint8Array): WebAssembly.Module {
  try {
    return new WebAssembly.Module(bytes);
  } catch (cause) {
    throw catalogError('catalog.module_malformed', { reason: 'does not compile' }, { cause });
  }
}
