/** Pages of the desk in tests without a server: under fake timers, with a client and a person at the desk. */
import { vi } from 'vitest';
import { useClient } from '../../src/elements/internal/shared-client.ts';
import { pageSession } from '../../src/pages/session.ts';
import type { Me } from '../../src/sdk/index.ts';
import { DeskClient } from '../../src/desk/desk-client.ts';
import { desk } from '../../src/desk/desk.ts';
import type { FakeServer } from './fake-server.ts';

/** The owner of organization 3. */
export const OWNER = { id: 3, name: 'Jonas', role: 'organizer', organizations: [] } as unknown as Me;

/** The desk's client for a fake server. Close it after the test. */
export function deskClientOf(server: FakeServer, me: Me = OWNER): DeskClient {
  const client = new DeskClient({ url: 'http://fake', transport: server.transport, fetch: server.fetch });
  // It makes a client of its own, once.
  pageSession(DeskClient);
  useClient(client);
  vi.spyOn(desk(), 'me', 'get').mockReturnValue(me);
  return client;
}
