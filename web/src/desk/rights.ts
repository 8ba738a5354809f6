/**
 * Rights of those who work for an organization, as `docs/access.md` has them. The server decides; here they only say what
 * is shown.
 */
import type { Me, OrganizationRole } from '../sdk/index.ts';

export type { OrganizationRole };
export type Right = 'see' | 'manage' | 'sell' | 'check_in' | 'figures' | 'money' | 'people';

const RIGHTS: Record<OrganizationRole, readonly Right[]> = {
  owner: ['see', 'manage', 'sell', 'check_in', 'figures', 'money', 'people'],
  manager: ['see', 'manage', 'sell', 'check_in', 'figures', 'money'],
  box_office: ['see', 'sell', 'check_in'],
  scanner: ['see', 'check_in'],
  finance: ['see', 'figures', 'money'],
};

/** The caller's role in an organization, which has the number of its founder. */
export function roleIn(me: Me, organization: number): OrganizationRole | undefined {
  if (me.role === 'admin' || me.id === organization) return 'owner';
  return me.organizations.find(({ organization_id: id }) => id === organization)?.role;
}

/** One of the rights is enough. Without an organization: in any of the caller's. */
export function may(me: Me, right: Right | readonly Right[], organization?: number): boolean {
  const roles = organization === undefined ? organizationsOf(me).map((id) => roleIn(me, id)) : [roleIn(me, organization)];
  if (me.role === 'admin') return true;
  const rights: readonly Right[] = typeof right === 'string' ? [right] : right;
  return roles.some((role) => role !== undefined && rights.some((one) => RIGHTS[role].includes(one)));
}

/** Those that the caller works for, the own one first. */
export function organizationsOf(me: Me): number[] {
  const own = me.role === 'customer' ? [] : [me.id];
  const others = me.organizations.map(({ organization_id: id }) => id);
  return [...new Set([...own, ...others])];
}
