import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Me } from '../sdk/index.ts';
import { may, organizationsOf, type OrganizationRole, type Right } from './rights.ts';

const ROLES: OrganizationRole[] = ['owner', 'manager', 'box_office', 'scanner', 'finance'];
const ORGANIZATION = 7;

const staff = (role: OrganizationRole): Me => ({ id: 3, name: 'Staff', email: null, role: 'customer', email_confirmed: true, organizations: [{ organization_id: ORGANIZATION, role }] });

/** The table «right | owner | manager | …» of docs/access.md. */
function documented(): Map<string, OrganizationRole[]> {
  const text = readFileSync(new URL('../../../docs/access.md', import.meta.url), 'utf8');
  const lines = text.split('\n');
  const head = lines.findIndex((line) => line.startsWith('| right |'));
  const cells = (line: string): string[] => line.split('|').slice(1, -1).map((cell) => cell.trim());
  const roles = cells(lines[head] ?? '').slice(1, 6) as OrganizationRole[];
  const rows = lines.slice(head + 2, lines.findIndex((line, at) => at > head && line.trim() === ''));
  return new Map(rows.map((row) => [cells(row)[0]?.replace(/`/g, '') ?? '', roles.filter((_role, place) => cells(row)[place + 1] === 'yes')]));
}

it('shows each role what docs/access.md gives it', () => {
  const rights = documented();
  expect([...rights.keys()].length).toBe(7);
  for (const [right, roles] of rights) expect([right, ROLES.filter((role) => may(staff(role), right as Right, ORGANIZATION))]).toEqual([right, roles]);
});

it('knows whose organization it is', () => {
  const founder: Me = { ...staff('scanner'), id: 5, role: 'organizer' };
  expect(organizationsOf(founder)).toEqual([5, ORGANIZATION]);
  expect([may(founder, 'money', 5), may(founder, 'money', ORGANIZATION), may(founder, 'money')]).toEqual([true, false, true]);
  expect(may(staff('manager'), 'manage', 8)).toBe(false);
  expect(may({ ...founder, role: 'admin', organizations: [] }, 'people', 99)).toBe(true);
});
