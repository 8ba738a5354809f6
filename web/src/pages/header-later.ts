/** Parts of the header that come after the first sight: the way to the desk, and the demo's people. */
import { pageSession } from './session.ts';

export interface Header {
  /** The account works for an organization, its own or another's: the desk is open to it. */
  staff: boolean;
  /** The server believes who one says to be. */
  development: boolean;
}

export function completeHeader(header: Header): void {
  pageSession().addEventListener('change', () => void lookForDesk(header));
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

async function lookForDemo(header: Header): Promise<void> {
  const info = await pageSession().client.info().catch(() => undefined);
  if (info?.mode !== 'development') return;
  await import('./user-switcher.ts').catch(() => undefined);
  header.development = true;
}
