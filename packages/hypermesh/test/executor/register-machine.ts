import { bytes, bytesUpTo, type Codec, decode, encode, type HybridPublicKey, hybridPublicKeyCodec, struct, union } from '@hypermesh/stoq';
import { hypermeshError } from '../../src/errors.ts';
import type { AccountRules } from '../../src/executor/accounts.ts';
import type { ApplyContext, Machine, StateReader, StateWriter } from '../../src/machine/machine.ts';

export type RegisterOperation =
  | { readonly kind: 'put'; readonly name: Uint8Array; readonly value: Uint8Array }
  | { readonly kind: 'refuse' }
  | { readonly kind: 'halt' }
  | { readonly kind: 'long'; readonly size: Uint8Array }
  | { readonly kind: 'join'; readonly key: HybridPublicKey; readonly owner: Uint8Array };

const operationCodec: Codec<RegisterOperation> = union({
  put: struct({ name: bytesUpTo(1024), value: bytesUpTo(2 * 1024 * 1024) }),
  refuse: struct({}),
  halt: struct({}),
  long: struct({ size: bytes(4) }),
  join: struct({ key: hybridPublicKeyCodec, owner: bytes(32) }),
}) as Codec<RegisterOperation>;

export function operation(value: RegisterOperation): Uint8Array {
  return encode(operationCodec, value);
}

export function put(name: string, value: string): Uint8Array {
  return operation({ kind: 'put', name: Buffer.from(name), value: Buffer.from(value) });
}

/** Registers that anybody may write, and members who may write them: the least that an executor needs. */
export function createRegisterMachine(members: readonly { owner: Uint8Array; key: HybridPublicKey }[], name = 'mesh'): Machine {
  return {
    name,
    version: 1,
    views: ['mesh'],
    genesis(state: StateWriter): void {
      for (const { owner, key } of members) state.set(memberKey(owner), encode(hybridPublicKeyCodec, key));
    },
    beginBlock(state: StateWriter, context: ApplyContext): void {
      state.set(Buffer.from('time'), Buffer.from(String(context.time)));
    },
    apply(state: StateWriter, encoded: Uint8Array, context: ApplyContext): Uint8Array {
      const decoded = decode(operationCodec, encoded);
      switch (decoded.kind) {
        case 'put': {
          const key = Buffer.concat([Buffer.from('register/'), decoded.name]);
          state.set(key, decoded.value);
          return context.view('mesh')?.get(key) ?? new Uint8Array();
        }
        case 'refuse':
          throw hypermeshError('hypermesh.not_authorised');
        case 'halt':
          throw new RangeError('a programmer made a mistake');
        case 'long':
          return new Uint8Array(Buffer.from(decoded.size).readUInt32BE());
        case 'join':
          state.set(memberKey(decoded.owner), encode(hybridPublicKeyCodec, decoded.key));
          return new Uint8Array();
      }
    },
    query(state: StateReader, method: string, argument: Uint8Array): Uint8Array {
      if (method !== 'register') throw hypermeshError('hypermesh.unsupported', { method });
      return state.get(Buffer.concat([Buffer.from('register/'), argument])) ?? new Uint8Array();
    },
  };
}

export const registerAccounts: AccountRules = {
  machine: 'mesh',
  keyOf(state, owner) {
    const encoded = state.get(memberKey(owner));
    return encoded === undefined ? undefined : decode(hybridPublicKeyCodec, encoded);
  },
  admitsStranger: ({ operations }) => operations.length === 1 && decode(operationCodec, operations[0] as Uint8Array).kind === 'join',
};

function memberKey(owner: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from('member/'), owner]);
}
