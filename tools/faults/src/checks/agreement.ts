import { caesarContract } from '@hypermesh/caesar/client';
import { CAESAR_MACHINE, CAESAR_QUERIES } from '@hypermesh/caesar';
import { catalogContract, INDEX_QUERIES } from '@hypermesh/catalog';
import { INDEX_MACHINE } from '@hypermesh/catalog/machine';
import { waitUntil } from '@hypermesh/devnet';
import { meshContract, validatorTargets } from '@hypermesh/mesh/client';
import { decode, encode } from '@hypermesh/stoq';
import type { Findings } from '../findings.ts';
import type { TestBed } from '../mesh/test-bed.ts';
import { type Acknowledged, toHex } from '../work/acknowledged.ts';

/** What one process says about one height. */
interface Statement {
  readonly who: string;
  readonly height: number;
  /** Root of roots of a validator; what a follower answers from, in comparable text. */
  readonly root?: string;
  readonly books?: string;
  readonly index?: string;
}

const COMMON_MS_MAX = 60_000;
const CALL_MS_MAX = 5_000;

/**
 * All validators and both followers at one height at one moment: one root, the same books, the same index. A follower compares
 * its own root with the certified one at every block and halts when they differ, so its readiness is part of the judgement.
 */
export async function checkAgreement(bed: TestBed, acknowledged: Acknowledged, findings: Findings): Promise<void> {
  const statements = await waitUntil('validators and followers at one height', COMMON_MS_MAX, bed.signal, async () => {
    const heard = await hearAll(bed);
    return new Set(heard.map(({ height }) => height)).size === 1 && heard;
  });
  const height = statements[0]?.height ?? 0;
  for (const key of ['root', 'books', 'index'] as const) {
    const stated = statements.filter((statement) => statement[key] !== undefined);
    const differing = new Set(stated.map((statement) => statement[key]));
    findings.expect(differing.size === 1, `height ${height}: ${key} differ: ${stated.map(({ who }) => who).join(', ')}`);
  }
  findings.count('agreements checked');
  for (const name of ['catalogd', 'caesard']) await expectReady(bed, name, findings);
  checkTotal(statements, acknowledged, findings);
}

async function hearAll(bed: TestBed): Promise<readonly Statement[]> {
  const { host, genesis } = bed.user.member;
  const signal = AbortSignal.any([bed.signal, AbortSignal.timeout(CALL_MS_MAX)]);
  const validators = validatorTargets(genesis, 'bundle').map(async (target): Promise<readonly Statement[]> => {
    const client = host.connect(meshContract, target);
    const { name, executedHeight, root, halted } = await client.status({}, { signal });
    if (halted !== '') return [{ who: `${name} (halted: ${halted})`, height: executedHeight, root: toHex(root) }];
    const ask = { minHeight: executedHeight } as const;
    const [books, index] = await Promise.all([
      client.query({ ...ask, machine: CAESAR_MACHINE, method: 'audit', argument: encode(CAESAR_QUERIES.audit.argument, 0) }, { signal }),
      client.query({ ...ask, machine: INDEX_MACHINE, method: 'list', argument: encode(INDEX_QUERIES.list.argument, '') }, { signal }),
    ]);
    return [
      { who: name, height: executedHeight, root: toHex(root) },
      { who: name, height: books.height, books: bookText(decode(CAESAR_QUERIES.audit.answer, books.result)) },
      { who: name, height: index.height, index: toHex(index.result) },
    ];
  });
  const caesard = host.connect(caesarContract, bed.target('caesard')).audit({}, { signal });
  const catalogd = host.connect(catalogContract, bed.target('catalogd')).list({ name: '' }, { signal });
  const [heard, books, index] = await Promise.all([Promise.all(validators), caesard, catalogd]);
  return [
    ...heard.flat(),
    { who: 'caesard', height: books.height, books: bookText(books.value) },
    { who: 'catalogd', height: index.height, index: toHex(encode(INDEX_QUERIES.list.answer, index.value)) },
  ];
}

interface Books {
  readonly total: bigint;
  readonly accounts: number;
  readonly transfers: number;
  readonly journal: Uint8Array;
}

function bookText({ total, accounts, transfers, journal }: Books): string {
  return [total, accounts, transfers, toHex(journal)].join(' ');
}

function checkTotal(statements: readonly Statement[], acknowledged: Acknowledged, findings: Findings): void {
  const books = statements.find((statement) => statement.books !== undefined)?.books ?? '';
  const total = books.split(' ')[0] ?? '';
  acknowledged.total ??= total;
  findings.expect(total === acknowledged.total, `the total of the ledger was ${acknowledged.total} and is ${total}`);
}

async function expectReady(bed: TestBed, name: string, findings: Findings): Promise<void> {
  const admin = bed.mesh.daemon(name).addresses.admin as string;
  const response = await fetch(`http://${admin}/readyz`, { signal: AbortSignal.timeout(CALL_MS_MAX) });
  if (!response.ok) findings.violation(`${name} is not ready: ${await response.text()}`);
}
