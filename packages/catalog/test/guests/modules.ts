import binaryen from 'binaryen';

/** A command with `count` functions, each of which is in the table and calls through it. */
export function tableModule(count: number): Uint8Array {
  const wasm = new binaryen.Module();
  const name = (index: number): string => `f${index}`;
  wasm.setMemory(1, 1, 'memory');
  wasm.addTable('t', count, count);
  for (let i = 0; i < count; i++) {
    const call = wasm.call_indirect('t', wasm.i32.const(i), [], binaryen.none, binaryen.none);
    wasm.addFunction(name(i), binaryen.none, binaryen.none, [], call);
  }
  const names = Array.from({ length: count }, (_, index) => name(index));
  wasm.addActiveElementSegment('t', 'e', names, wasm.i32.const(0));
  wasm.addFunctionExport(name(0), '_start');
  return emit(wasm);
}

export function moduleOf(text: string): Uint8Array {
  const wasm = binaryen.parseText(text);
  wasm.setFeatures(binaryen.Features.All);
  return emit(wasm);
}

function emit(wasm: binaryen.Module): Uint8Array {
  try {
    return wasm.emitBinary();
  } finally {
    wasm.dispose();
  }
}
