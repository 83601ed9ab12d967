import { equalBytes } from '@hypermesh/stoq';
import { EMPTY_TREE, growTree, leafHash, rootOf, verifyConsistency, verifyInclusion } from '@hypermesh/trustchain';
import { fromHex, type SuiteResult, suiteResult, type Verdict } from './suite.ts';

// The eight-leaf tree of the reference implementation of RFC 6962: entries, the roots of its first sizes, two proofs.
const ENTRIES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const RIGHT_OF_FOUR = 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0';
const INCLUSION_OF_5_IN_8 = ['bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b', RIGHT_OF_FOUR, ROOTS[4] as string];
const CONSISTENCY_OF_6_AND_8 = ['0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a', RIGHT_OF_FOUR, ROOTS[4] as string];

export function checkCertificateTransparency(): SuiteResult {
  const leaves = ENTRIES.map((entry) => leafHash(fromHex(entry)));
  const roots = ROOTS.map(fromHex);
  const verdicts: Verdict[] = roots.map((root, size) => ({
    name: `root of ${size}`,
    agrees: equalBytes(rootOf(growTree(EMPTY_TREE, leaves.slice(0, size)).tree), root),
  }));
  const included = (index: number): boolean =>
    verifyInclusion(leaves[index] as Uint8Array, index, 8, INCLUSION_OF_5_IN_8.map(fromHex), roots[8] as Uint8Array);
  const consistent = (from: number): boolean =>
    verifyConsistency(from, roots[from] as Uint8Array, 8, roots[8] as Uint8Array, CONSISTENCY_OF_6_AND_8.map(fromHex));
  verdicts.push({ name: 'inclusion of 5 in 8, and of nothing else', agrees: included(5) && !included(4) });
  verdicts.push({ name: 'consistency of 6 and 8, and of nothing else', agrees: consistent(6) && !consistent(5) });
  return suiteResult('rfc 6962', verdicts);
}
