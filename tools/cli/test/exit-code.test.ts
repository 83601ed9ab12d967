import { caesarError } from '@hypermesh/caesar';
import { catalogError } from '@hypermesh/catalog';
import { devnetError } from '@hypermesh/devnet';
import { hypermeshError } from '@hypermesh/mesh';
import { CodedError, PeerError, stoqError } from '@hypermesh/stoq';
import { trustError } from '@hypermesh/trustchain';
import { describe, expect, test } from 'vitest';
import { cliError } from '../src/errors.ts';
import { EXIT, exitCodeOf, FAILURES } from '../src/exit-code.ts';

const CATALOGUES = [stoqError, trustError, hypermeshError, catalogError, caesarError, cliError, devnetError].map(
  ({ catalogue }): Readonly<Record<string, { readonly message: string; readonly retryable: boolean }>> => catalogue,
);

describe('the classes of failures', () => {
  test('hold every code of the catalogues and no other', () => {
    expect([...FAILURES.keys()].toSorted()).toEqual(CATALOGUES.flatMap((catalogue) => Object.keys(catalogue)).toSorted());
  });

  test('call nothing a mistake or forbidden that a retry may help', () => {
    const retryable = CATALOGUES.flatMap((catalogue) => Object.keys(catalogue).filter((code) => catalogue[code]?.retryable === true));
    expect(retryable.filter((code) => ['usage', 'notAuthorised'].includes(FAILURES.get(code) ?? ''))).toEqual([]);
  });
});

test.each([
  { error: cliError('cli.usage'), code: EXIT.usage },
  { error: cliError('cli.not_found'), code: EXIT.usage },
  { error: cliError('cli.file_unusable'), code: EXIT.usage },
  { error: catalogError('catalog.description_invalid'), code: EXIT.usage },
  { error: trustError('trustchain.token_invalid'), code: EXIT.usage },
  { error: stoqError('stoq.rpc_bad_request'), code: EXIT.usage },
  { error: stoqError('stoq.rpc_forbidden'), code: EXIT.notAuthorised },
  { error: trustError('trustchain.token_used'), code: EXIT.notAuthorised },
  { error: trustError('trustchain.revocation_refused'), code: EXIT.notAuthorised },
  { error: catalogError('catalog.publisher_refused'), code: EXIT.notAuthorised },
  { error: hypermeshError('hypermesh.quorum_lost'), code: EXIT.unavailable },
  { error: stoqError('stoq.rpc_stopping'), code: EXIT.unavailable },
  { error: stoqError('stoq.carrier_reset'), code: EXIT.unavailable },
  { error: trustError('trustchain.rate_limited'), code: EXIT.unavailable },
  { error: new PeerError('trustchain.witness_quorum_missing', true, {}), code: EXIT.unavailable },
  { error: hypermeshError('hypermesh.unschedulable'), code: EXIT.failed },
  { error: new CodedError('later.code', { message: '', retryable: true }), code: EXIT.failed },
  { error: new CodedError('constructor', { message: '', retryable: true }), code: EXIT.failed },
  { error: new Error('bug'), code: EXIT.failed },
])('$error ends with $code', ({ error, code }) => expect(exitCodeOf(error)).toBe(code));
