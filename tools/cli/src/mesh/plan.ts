import { BlockList, isIPv6 } from 'node:net';
import { SUPPLY_UNITS } from '@hypermesh/caesar';
import { MESH_PARAMETERS } from '@hypermesh/mesh/machine';
import { parseAddress } from '@hypermesh/stoq';
import { COMMON_NAME_CHARS_MAX, createMeshPlan, type MeshPlan, TRUSTCHAIND_NAME } from '@hypermesh/trustchain';
import { formatCaes, parseCaes } from '../amount.ts';
import type { NamedValue } from '../arguments.ts';
import { usageError } from '../errors.ts';
import type { InitOptions } from './init.ts';

// A DNS label, which is also a folder.
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/u;
// The common names of the mesh's certificates are `NAME root` and `NAME issuer`.
const MESH_NAME_CHARS_MAX = COMMON_NAME_CHARS_MAX - ' issuer'.length;

/**
 * The plan that the options describe. Genesis cannot be changed later, so whatever can be known to be wrong is told here, by
 * the option that it stands in. Throws `cli.usage`.
 */
export function planOf(options: InitOptions): MeshPlan {
  assertAddresses(options);
  const parameters = options.parameter.map(parameterOf);
  assertOnce(
    '--parameter',
    parameters.map(({ name }) => name),
  );
  const plan = createMeshPlan({
    meshName: options.name,
    trustchaind: options.trustchaind,
    validators: [...addressesByName(options.validator)].map(([name, addresses]) => ({ name, addresses })),
    supplyUnits: SUPPLY_UNITS,
    user: options.user,
    endowment: endowmentOf(options.endowment),
    parameters,
  });
  assertNames(options, [TRUSTCHAIND_NAME, ...plan.members.filter(({ roles }) => !roles.includes('operator')).map(({ name }) => name)]);
  return plan;
}

function assertNames({ name, user, validator }: InitOptions, daemons: readonly string[]): void {
  if (!LABEL.test(name) || name.length > MESH_NAME_CHARS_MAX) {
    throw usageError(`--name must be lower-case letters, digits and "-", at most ${MESH_NAME_CHARS_MAX}`, { name });
  }
  const holders = new Map(daemons.map((daemon) => [daemon, 'a daemon of the mesh']));
  const take = (option: string, wanted: string): void => {
    if (!LABEL.test(wanted))
      throw usageError(`The name in ${option} must be lower-case letters, digits and "-", at most 63`, { name: wanted });
    const holder = holders.get(wanted);
    if (holder !== undefined) throw usageError(`The name in ${option} belongs to ${holder}`, { name: wanted });
    holders.set(wanted, option === '--user' ? 'the first user' : 'a validator');
  };
  take('--user', user);
  for (const wanted of addressesByName(validator).keys()) take('--validator', wanted);
}

function assertAddresses({ trustchaind, validator }: InitOptions): void {
  const given = [
    ...trustchaind.map((address) => ({ option: '--trustchaind', address })),
    ...validator.map(({ value }) => ({ option: '--validator', address: value })),
  ];
  for (const { option, address } of given) assertReachable(option, address);
  assertOnce(
    '--trustchaind and --validator',
    given.map(({ address }) => address),
  );
}

function assertReachable(option: string, address: string): void {
  const problem = problemOf(address);
  if (problem !== null) throw usageError(`The address in ${option} ${problem}`, { address });
}

function problemOf(address: string): string | null {
  let parsed: ReturnType<typeof parseAddress>;
  try {
    parsed = parseAddress(address);
  } catch {
    return 'must be literal, such as 10.0.0.1:4400 or [2001:db8::1]:4400: the mesh resolves no names';
  }
  if (parsed.port === 0) return 'must have a port from 1 to 65535';
  if (UNSPECIFIED.check(parsed.host, isIPv6(parsed.host) ? 'ipv6' : 'ipv4'))
    return 'must be one that others can reach, not one to listen on';
  return null;
}

const UNSPECIFIED = new BlockList();
UNSPECIFIED.addAddress('0.0.0.0', 'ipv4');
UNSPECIFIED.addAddress('::', 'ipv6');

function assertOnce(option: string, values: readonly string[]): void {
  const twice = values.find((value, index) => values.indexOf(value) !== index);
  if (twice !== undefined) throw usageError(`${option} may name each only once`, { twice });
}

function endowmentOf(text: string): bigint {
  const endowment = parseCaes(text);
  if (endowment <= SUPPLY_UNITS) return endowment;
  throw usageError(`--endowment is more than the supply of ${formatCaes(SUPPLY_UNITS)} CAES`, { endowment: text });
}

/** One validator may listen on several addresses. */
function addressesByName(validators: readonly NamedValue[]): ReadonlyMap<string, readonly string[]> {
  const byName = new Map<string, readonly string[]>();
  for (const { name, value } of validators) byName.set(name, [...(byName.get(name) ?? []), value]);
  return byName;
}

function parameterOf({ name, value }: NamedValue): { readonly name: string; readonly value: number } {
  const range = Object.hasOwn(MESH_PARAMETERS, name) ? MESH_PARAMETERS[name as keyof typeof MESH_PARAMETERS] : undefined;
  if (range === undefined) throw usageError(`There is no such parameter; known are ${Object.keys(MESH_PARAMETERS).join(', ')}`, { name });
  const { min, max } = range;
  if (!/^\d+$/u.test(value) || Number(value) < min || Number(value) > max) {
    throw usageError(`The parameter must be a whole number from ${min} to ${max}`, { name, value });
  }
  return { name, value: Number(value) };
}
