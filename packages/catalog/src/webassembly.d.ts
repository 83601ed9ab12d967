/** The parts of the WebAssembly JavaScript API (W3C, 2.0) that this package uses; Node's types do not declare them. */
declare namespace WebAssembly {
  type Bytes = Uint8Array;
  type ExternalKind = 'function' | 'global' | 'memory' | 'table';
  type ModuleImports = Record<string, (...parameters: never[]) => unknown>;

  class Module {
    constructor(bytes: Bytes);
    static imports(module: Module): { module: string; name: string; kind: ExternalKind }[];
    static exports(module: Module): { name: string; kind: ExternalKind }[];
  }
  class Instance {
    constructor(module: Module, imports: Record<string, ModuleImports>);
    readonly exports: Record<string, unknown>;
  }
  class Memory {
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  class Global {
    value: unknown;
  }
  class RuntimeError extends Error {}
}
