/** Parts of the header that come after the first sight: the way to the desk, the demo's people, and that the session ended. */
import type { Account } from '../sdk/index.ts';
import { pageSession } from './session.ts';

export interface Header {
  /** The account works for an organization, its own or another's: the desk is open to it. */
  staff: boolean;
  /** The server believes who one says to be. */
  development: boolean;
  /** The account whose session the server ended, until that was read. */
  ended: Account | undefined;
}

export function completeHeader(header: Header): void {
  pageSession().addEventListener('change', () => void lookForDesk(header));
  pageSession().addEventListener('lost', () => tellLoss(header));
  tellLoss(header);
  void lookForDesk(header);
  void lookForDemo(header);
}

/** The desk is no page of buyers: only those who may enter see the way to it. */
async function lookForDesk(header: Header): Promise<void> {
  const session = pageSession();
  const { account } = session;
  header.staff = account !== undefined && account.role !== 'customer';
  if (account?.role !== 'customer') return;
  const me = await session.client.me().catch(() => undefined);
  // Somebody else may have signed in meanwhile.
  if (me && account === session.account) header.staff = me.organizations.length > 0;
}

function tellLoss(header: Header): void {
  header.ended = pageSession().lost;
  if (header.ended) void import('./session-ended.ts').catch(() => undefined);
}

async function lookForDemo(header: Header): Promise<void> {
  const info = await pageSession().client.info().catch(() => undefined);
  if (info?.mode !== 'development') return;
  await import('./user-switcher.ts').catch(() => undefined);
  header.development = true;
}
