import { formatId } from '@hypermesh/stoq';
import { queryMesh } from '@hypermesh/mesh/client';
import type { Asset } from '@hypermesh/mesh/machine';
import type { CommandContext } from '../command.ts';
import { cliError, usageError } from '../errors.ts';
import { findMember, namesById } from '../node/members.ts';
import { formatBytes, formatTime, hexOf } from '../text.ts';

export async function listAssets(context: CommandContext, node: string | null): Promise<void> {
  const session = await context.session();
  const { mesh, signal } = session;
  const argument = node === null ? null : (await findMember(session, node)).id;
  const assets = await queryMesh(mesh, 'assets', argument, { signal });
  const names = await namesById(session);
  context.out.result(assets.map(assetValue), () =>
    context.out.table(
      ['ASSET', 'NODE', 'KIND', 'NAME', 'QUANTITY', 'STATE', 'DETAIL'],
      assets.map((asset) => [
        hexOf(asset.id).slice(0, 12),
        names.get(formatId('node', asset.node)) ?? '',
        asset.kind,
        asset.name,
        quantityOf(asset),
        asset.state,
        asset.detail,
      ]),
    ),
  );
}

export async function showAsset(context: CommandContext, wanted: string): Promise<void> {
  if (!/^[0-9a-f]{4,64}$/u.test(wanted)) throw usageError('Write at least four hexadecimal digits of the id', { asset: wanted });
  const session = await context.session();
  const all = await queryMesh(session.mesh, 'assets', null, { signal: session.signal });
  const [asset, another] = all.filter(({ id }) => hexOf(id).startsWith(wanted));
  if (asset === undefined) throw cliError('cli.not_found', { asset: wanted });
  if (another !== undefined) throw usageError('More than one asset begins like this; write more of the id', { asset: wanted });
  const names = await namesById(session);
  context.out.result(assetValue(asset), () =>
    context.out.fields([
      ['asset', hexOf(asset.id)],
      ['node', names.get(formatId('node', asset.node)) ?? formatId('node', asset.node)],
      ['owner', names.get(formatId('node', asset.owner)) ?? formatId('node', asset.owner)],
      ['kind', `${asset.kind} ${asset.name}`],
      ['quantity', quantityOf(asset)],
      ['detail', asset.detail],
      ['state', `${asset.state}${asset.reason === '' ? '' : ` (${asset.reason})`} since ${formatTime(asset.changedAt)}`],
    ]),
  );
}

function assetValue(asset: Asset): object {
  return { ...asset, id: hexOf(asset.id), node: formatId('node', asset.node), owner: formatId('node', asset.owner) };
}

function quantityOf({ kind, quantity }: Asset): string {
  return kind === 'memory' || kind === 'storage' ? formatBytes(quantity) : String(quantity);
}
