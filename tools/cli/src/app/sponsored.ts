import { orderSponsored as orderUnder, type ProvenOperation, type Receipt, type Sponsorship } from '@hypermesh/mesh/client';
import { hasCode } from '@hypermesh/stoq';
import { cliError } from '../errors.ts';
import type { Output } from '../output.ts';
import { pause, type Session } from '../session.ts';

// A fresh mesh has its first verdicts within seconds.
const POLL_MS = 500;

/** Orders an operation under the Proof of State of a node that has a current verdict, and waits for one if none has. */
export async function orderSponsored(session: Session, operation: ProvenOperation, out: Output): Promise<Receipt> {
  const { mesh, account, signal, entropy } = session;
  const awaitSponsorship = (ask: () => Promise<Sponsorship>): Promise<Sponsorship> => awaitAnswer(session, ask, out);
  return orderUnder(mesh, account, operation, { signal, entropy, awaitSponsorship });
}

async function awaitAnswer(
  session: Pick<Session, 'clock' | 'signal'>,
  ask: () => Promise<Sponsorship>,
  out: Pick<Output, 'progress'>,
): Promise<Sponsorship> {
  for (let told = false; ; told = true) {
    try {
      return await ask();
    } catch (error) {
      if (!hasCode(error, 'hypermesh.proof_missing')) throw error;
      if (!told) out.progress('Waiting for a node with a current Proof of State');
      await pause(session, POLL_MS).catch((cause: unknown) => {
        throw cliError('cli.sponsor_missing', { nodes: error.data['nodes'] }, { cause });
      });
    }
  }
}
