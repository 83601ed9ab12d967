import type { Campaign } from '../campaign.ts';
export const runOutage: Campaign = async () => {};
