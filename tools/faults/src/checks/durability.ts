import { catalogContract } from '@hypermesh/catalog';
import { CAESAR_MACHINE, CAESAR_QUERIES } from '@hypermesh/caesar';
import { waitUntil } from '@hypermesh/devnet';
import { meshContract, queryMesh, validatorTargets } from '@hypermesh/mesh/client';
import { blobContract, blobDigest, decode, encode } from '@hypermesh/stoq';
import { verifyCheckpoint, verifyConsistency } from '@hypermesh/trustchain';
import { LOG_ENTRIES_PER_ANSWER_MAX } from '@hypermesh/trustchain/client';
import type { Findings } from '../findings.ts';
import type { TestBed } from '../mesh/test-bed.ts';
import { type Acknowledged, type AcknowledgedEntry, fromHex, toHex, type WrittenLog } from '../work/acknowledged.ts';

const CALL_MS_MAX = 10_000;
const INDEXED_MS_MAX = 30_000;

/** Everything that was acknowledged is still there, byte for byte, wherever it must be. */
export async function checkDurability(bed: TestBed, acknowledged: Acknowledged, findings: Findings): Promise<void> {
  await findings.check('receipts', () => checkReceipts(bed, acknowledged, findings));
  await findings.check('balance', () => checkBalance(bed, acknowledged, findings));
  for (const log of ['certificates', 'packages'] as const) {
    await findings.check(`log of ${log}`, () => checkLog(bed, log, acknowledged, findings));
  }
  await findings.check('blobs', () => checkBlobs(bed, acknowledged, findings));
  await findings.check('packages', () => checkPackages(bed, acknowledged, findings));
  await findings.check('scale', async () => {
    const { app } = await queryMesh(bed.user.mesh, 'app', acknowledged.app.name, { signal: bed.signal });
    const { replicas } = app.spec;
    findings.expect(replicas === acknowledged.app.replicas, `scaled to ${acknowledged.app.replicas}, ordered are ${replicas}`);
  });
}

/** Every validator shows the acknowledged receipt of every transaction. */
async function checkReceipts({ user, signal }: TestBed, { transactions }: Acknowledged, findings: Findings): Promise<void> {
  const { host, genesis } = user.member;
  const clients = validatorTargets(genesis, 'bundle').map((target) => host.connect(meshContract, target));
  for (const { id, receipt } of transactions) {
    const answers = await Promise.all(
      clients.map(async (client) => toHex((await client.receipt({ id: fromHex(id), waitMs: CALL_MS_MAX }, { signal })).receipt)),
    );
    const same = answers.every((answer) => answer === receipt);
    findings.expect(same, `transaction ${id}: a validator has another receipt than the acknowledged one`);
    findings.count('receipts compared', answers.length);
  }
}

/** Retried transfers have moved their amount once. */
async function checkBalance({ user, signal }: TestBed, { transfers }: Acknowledged, findings: Findings): Promise<void> {
  if (transfers.acknowledged === '0') return;
  const { argument, answer } = CAESAR_QUERIES.account;
  const { result } = await user.mesh.query(CAESAR_MACHINE, 'account', encode(argument, transfers.account), { signal });
  const { balance } = decode(answer, result);
  const expected = BigInt(transfers.acknowledged);
  findings.expect(balance === expected, `acknowledged transfers add up to ${expected}, the balance is ${balance}`);
}

/** The log extends every checkpoint seen before, and holds each acknowledged entry at its place. */
async function checkLog({ user, signal }: TestBed, log: WrittenLog, acknowledged: Acknowledged, findings: Findings): Promise<void> {
  const { client, trust } = user.member;
  const { checkpoint } = await client['log.checkpoint']({ log }, { signal });
  const head = verifyCheckpoint(checkpoint, log, { trust, crypto: user.crypto });
  const before = acknowledged.heads[log] ?? { size: 0, root: toHex(head.root) };
  if (findings.expect(head.size >= before.size, `log of ${log}: shrank from ${before.size} to ${head.size} entries`)) {
    const { hashes } = await client['log.consistency']({ log, from: before.size, to: head.size }, { signal });
    const consistent = before.size === 0 || verifyConsistency(before.size, fromHex(before.root), head.size, head.root, hashes);
    findings.expect(consistent, `log of ${log}: ${head.size} entries do not extend the ${before.size} seen before`);
    findings.count('consistency proofs verified');
    acknowledged.heads[log] = { size: head.size, root: toHex(head.root) };
  }
  await checkEntries(user.member.client, log, acknowledged.entries, findings, signal);
}

async function checkEntries(
  client: TestBed['user']['member']['client'],
  log: WrittenLog,
  entries: readonly AcknowledgedEntry[],
  findings: Findings,
  signal: AbortSignal,
): Promise<void> {
  const expected = entries.filter((entry) => entry.log === log);
  const size = Math.max(0, ...expected.map(({ index }) => index + 1));
  const leaves: Uint8Array[] = [];
  while (leaves.length < size) {
    const end = Math.min(size, leaves.length + LOG_ENTRIES_PER_ANSWER_MAX);
    leaves.push(...(await client['log.entries']({ log, start: leaves.length, end }, { signal })).entries);
  }
  for (const { index, entry } of expected) {
    const leaf = leaves[index];
    findings.expect(leaf !== undefined && toHex(leaf) === entry, `log of ${log}: entry ${index} is not the acknowledged one`);
    findings.count('log entries compared');
  }
}

async function checkBlobs(bed: TestBed, { blobs }: Acknowledged, findings: Findings): Promise<void> {
  const { signal } = bed;
  const client = bed.user.member.host.connect(blobContract, bed.target('catalogd'));
  for (const { digest } of blobs) {
    const chunks: Uint8Array[] = [];
    for await (const { bytes } of client.get({ digest: fromHex(digest), offset: 0 }, { signal })) chunks.push(bytes);
    const served = toHex(blobDigest(Buffer.concat(chunks)));
    findings.expect(served === digest, `blob ${digest}: other bytes are served`);
    findings.count('blobs fetched');
  }
}

async function checkPackages(bed: TestBed, { packages }: Acknowledged, findings: Findings): Promise<void> {
  const { signal } = bed;
  const { host } = bed.user.member;
  const catalog = host.connect(catalogContract, bed.target('catalogd'));
  const blobs = host.connect(blobContract, bed.target('catalogd'));
  for (const { name, version, root } of packages) {
    // The catalog follows the log a block behind.
    const published = await waitUntil(`the index to hold ${name}@${version}`, INDEXED_MS_MAX, signal, async () => {
      return (await catalog.resolve({ name, version }, { signal })).value ?? false;
    });
    findings.expect(toHex(published.root) === root, `${name}@${version} has another root than the acknowledged one`);
    const { sizeBytes } = await blobs.stat({ digest: published.manifest }, { signal });
    findings.expect(sizeBytes !== null, `${name}@${version}: its manifest is gone`);
    findings.count('packages resolved');
  }
}
