// @vitest-environment happy-dom
import { afterEach, expect, it, vi } from 'vitest';
import { accepted, FakeServer, tokenOf } from '../../test/support/fake-server.ts';
import { useClient } from '../elements/internal/shared-client.ts';
import type { PageElement } from './page-element.ts';
import './bookings-page.ts';

afterEach(() => void vi.useRealTimers());

it('leads to the booking of a mailed link by its id: by its reference the server finds only the account\'s own', async () => {
  vi.useFakeTimers();
  const server = new FakeServer();
  const guests = { ...server.hold(0, { reference: 'BK-GUEST7', status: 'confirmed' }), user_id: null };
  server.routes.set('POST /bookings/open', () => accepted({ ...guests, token: 'secret' }));
  server.routes.set(`GET /bookings/${guests.id}`, () => accepted(guests));
  const client = server.client({ token: tokenOf(3) });
  useClient(client);
  location.hash = '#link=mailed';
  const page = document.createElement('seatcast-bookings-page') as PageElement;
  document.body.append(page);
  await server.settle(10);
  const link = page.renderRoot.querySelector<HTMLAnchorElement>('.said a');
  expect(link?.getAttribute('href')).toBe(`/bookings/${guests.id}`);
  expect(link?.textContent).toContain('BK-GUEST7');
  page.remove();
  client.close();
});
