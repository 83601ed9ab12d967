import type { Campaign } from '../campaign.ts';
export const runExclusive: Campaign = async () => {};
