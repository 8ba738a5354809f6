import { pageSession } from './session.ts';

/**
 * Tells whether the account that is signed in works for an organization, its own or another's, now and after each change of it:
 * the desk is no page of buyers, and only those who may enter see the way to it.
 */
export function followStaff(tell: (isStaff: boolean) => void): void {
  const session = pageSession();
  const look = async (): Promise<void> => {
    const { account } = session;
    tell(account !== undefined && account.role !== 'customer');
    if (account?.role !== 'customer') return;
    const me = await session.client.me().catch(() => undefined);
    // Somebody else may have signed in meanwhile.
    if (me && account === session.account) tell(me.organizations.length > 0);
  };
  session.addEventListener('change', () => void look());
  void look();
}
