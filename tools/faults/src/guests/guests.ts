import type { Campaign } from '../campaign.ts';
export const runGuests: Campaign = async () => {};
