import { randomBytes } from 'node:crypto';
import { CAESAR_MACHINE, caesarOperationCodec, type Transfer } from '@hypermesh/caesar';
import { ownerAccount } from '@hypermesh/caesar/client';
import { type BuiltPackage, catalogContract, publishPackage } from '@hypermesh/catalog';
import { type Receipt, receiptCodec } from '@hypermesh/mesh';
import { orderSponsored } from '@hypermesh/mesh/client';
import { blobDigest, encode, systemEntropy } from '@hypermesh/stoq';
import { decodeBundle, parseCertificate, verifyLogProof } from '@hypermesh/trustchain';
import { renew } from '@hypermesh/trustchain/client';
import type { TestBed } from '../mesh/test-bed.ts';
import { type Acknowledged, toHex, type WrittenLog } from './acknowledged.ts';
import type { Attempt, Task } from './task.ts';

const ENTRY_BYTES = 300;
const BLOB_BYTES = 96 * 1024;
// Three replicas at most: the smallest change that places and removes something.
const REPLICAS: readonly number[] = [2, 3];

/** Every kind of work that somebody gets a receipt for. */
export function createTasks(bed: TestBed, acknowledged: Acknowledged, built: BuiltPackage): readonly Task[] {
  return [
    { name: 'transfers', intervalMs: 150, next: () => transfer(bed, acknowledged) },
    { name: 'log entries', intervalMs: 400, next: () => logEntry(bed, acknowledged) },
    { name: 'uploads', intervalMs: 400, next: () => upload(bed, acknowledged) },
    { name: 'publications', intervalMs: 1_500, next: () => publication(bed, acknowledged, built) },
    { name: 'scalings', intervalMs: 2_500, next: () => scaling(bed, acknowledged) },
    { name: 'certificates', intervalMs: 3_000, next: () => certificate(bed, acknowledged) },
  ];
}

/** A retry carries the same transfer id, so that it moves the amount once. */
function transfer({ user }: TestBed, acknowledged: Acknowledged): Attempt {
  const { account, mesh } = user;
  const { transfers } = acknowledged;
  const amount = BigInt(1 + randomBytes(2).readUInt16BE());
  const moved: Transfer = {
    id: Uint8Array.from(randomBytes(16)),
    kind: 'posted',
    debit: ownerAccount(account.owner),
    credit: transfers.account,
    amount,
    pendingId: null,
    expires: null,
  };
  const operation = encode(caesarOperationCodec, { kind: 'transfers', transfers: [moved] });
  return async (signal) => {
    record(acknowledged, await mesh.transact(account, CAESAR_MACHINE, [operation], { signal }));
    transfers.acknowledged = (BigInt(transfers.acknowledged) + amount).toString();
  };
}

function logEntry({ user }: TestBed, acknowledged: Acknowledged): Attempt {
  const { client, trust } = user.member;
  const entry = Uint8Array.from(randomBytes(ENTRY_BYTES));
  return async (signal) => {
    const receipt = await client['log.add']({ entry }, { signal });
    const head = verifyLogProof(entry, receipt, 'packages', { trust, crypto: user.crypto });
    acknowledged.entries.push({ log: 'packages', index: receipt.index, entry: toHex(entry) });
    advance(acknowledged, 'packages', head);
  };
}

function upload(bed: TestBed, acknowledged: Acknowledged): Attempt {
  const bytes = Uint8Array.from(randomBytes(BLOB_BYTES));
  const digest = blobDigest(bytes);
  const half = BLOB_BYTES / 2;
  return async (signal) => {
    const catalog = bed.user.member.host.connect(catalogContract, bed.target('catalogd'));
    let { received, complete } = await catalog.upload({ digest, size: bytes.length, offset: 0, bytes: new Uint8Array() }, { signal });
    while (!complete) {
      const piece = bytes.subarray(received, received + half);
      ({ received, complete } = await catalog.upload({ digest, size: bytes.length, offset: received, bytes: piece }, { signal }));
    }
    acknowledged.blobs.push({ digest: toHex(digest), size: bytes.length });
  };
}

/** A new version of the example, whose files are there already: its manifest, its log entry and its place in the index. */
function publication(bed: TestBed, acknowledged: Acknowledged, built: BuiltPackage): Attempt {
  const { member, mesh, account } = bed.user;
  const version = `2.0.${acknowledged.packages.length}`;
  const next: BuiltPackage = { ...built, manifest: { ...built.manifest, version } };
  return async (signal) => {
    const catalog = member.host.connect(catalogContract, bed.target('catalogd'));
    const { meshId } = member;
    const components = { catalog, trust: member.client, mesh, account, bundle: () => member.bundle(), meshId };
    const { name, root } = await publishPackage(next, components, { signal });
    acknowledged.packages.push({ name, version, root: toHex(root) });
  };
}

function scaling({ user }: TestBed, acknowledged: Acknowledged): Attempt {
  const { account, mesh } = user;
  const { app } = acknowledged;
  const replicas = REPLICAS.find((count) => count !== app.replicas) as number;
  return async (signal) => {
    const change = { kind: 'app.scale', name: app.name, replicas, proof: null } as const;
    record(acknowledged, await orderSponsored(mesh, account, change, { signal, entropy: systemEntropy }));
    app.replicas = replicas;
  };
}

/** Certified anew with the same keys, as in every renewal. */
function certificate({ user }: TestBed, acknowledged: Acknowledged): Attempt {
  const { member, crypto } = user;
  const { client, meshId, keys, trust } = member;
  return async (signal) => {
    const { identity, alternativeNames } = parseCertificate(decodeBundle(member.bundle()).leaf);
    const request = { meshId, keys, roles: identity.roles, names: alternativeNames?.names ?? [] };
    const { leaf, logIndex, inclusionProof, checkpoint } = decodeBundle(await renew(client, request, { signal }));
    const head = verifyLogProof(leaf, { index: logIndex, proof: inclusionProof, checkpoint }, 'certificates', { trust, crypto });
    acknowledged.entries.push({ log: 'certificates', index: logIndex, entry: toHex(leaf) });
    advance(acknowledged, 'certificates', head);
  };
}

function record({ transactions }: Acknowledged, receipt: Receipt): void {
  transactions.push({ id: toHex(receipt.transactionId), receipt: toHex(encode(receiptCodec, receipt)) });
}

/** Keeps the largest checkpoint: answers may arrive in another order than they were made. */
function advance({ heads }: Acknowledged, log: WrittenLog, { size, root }: { readonly size: number; readonly root: Uint8Array }): void {
  if (size > (heads[log]?.size ?? 0)) heads[log] = { size, root: toHex(root) };
}
