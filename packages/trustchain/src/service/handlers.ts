import type { CallContext, Handlers } from '@hypermesh/stoq';
import type { TrustchainMethods } from '../api.ts';
import type { Zone } from '../names/zone.ts';
import { createEnrolmentHandlers, type EnrolmentService } from './enrolment-handlers.ts';
import { createLogHandlers, type Logs } from './log-handlers.ts';
import { createNameHandlers } from './name-handlers.ts';
import type { RateLimit } from './rate-limit.ts';
import { createRevocationHandlers, type RevocationService } from './revocation-handlers.ts';

export interface TrustchainServices extends EnrolmentService, RevocationService {
  readonly logs: Logs;
  readonly zone: Zone;
  readonly rateLimit: RateLimit;
}

/** What a call costs its caller, in units of a plain read. */
export const METHOD_COSTS: Readonly<Record<keyof TrustchainMethods, number>> = {
  'enroll.genesis': 2,
  'enroll.challenge': 2,
  'enroll.submit': 20,
  renew: 20,
  revoke: 20,
  status: 1,
  bundle: 2,
  roots: 1,
  'log.checkpoint': 1,
  'log.tile': 1,
  'log.entries': 2,
  'log.add': 5,
  'log.proof': 1,
  'log.consistency': 1,
  'revocation.snapshot': 2,
  'revocation.delta': 1,
  'revocation.watch': 2,
  'names.resolve': 1,
  'names.publish': 2,
  'admin.invite': 2,
};

export function createTrustchainHandlers(services: TrustchainServices): Handlers<TrustchainMethods> {
  const handlers: Handlers<TrustchainMethods> = {
    ...createEnrolmentHandlers(services),
    ...createLogHandlers(services.logs),
    ...createRevocationHandlers(services),
    ...createNameHandlers(services.zone),
  };
  return limited(handlers, services.rateLimit);
}

type Handler = (request: unknown, context: CallContext) => unknown;

/** Each handler behind its price. */
function limited(handlers: Handlers<TrustchainMethods>, rateLimit: RateLimit): Handlers<TrustchainMethods> {
  const priced = Object.entries(handlers).map(([name, handler]) => {
    const cost = METHOD_COSTS[name as keyof TrustchainMethods];
    const call: Handler = (request, context) => {
      rateLimit.spend(context, cost);
      return (handler as Handler)(request, context);
    };
    return [name, call] as const;
  });
  return Object.fromEntries(priced) as unknown as Handlers<TrustchainMethods>;
}
