// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FakeServer } from '../../../test/support/fake-server.ts';
import { drawn, mount, textOf } from '../../../test/support/mount.ts';
import type { SeatcastClient } from '../../sdk/index.ts';
import '../index.ts';

let server: FakeServer;
let client: SeatcastClient;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.addEvent(1);
  client = server.client();
});
afterEach(() => {
  document.body.replaceChildren();
  client.close();
  vi.useRealTimers();
});

const tags = ['seatcast-booking', 'seatcast-ticket-types', 'seatcast-seat-map', 'seatcast-notices', 'seatcast-presence'];

it.each(tags)('web_18: %s says that its event is missing or unknown, in place and in the console', async (tag) => {
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => {});
  const element = await mount(server, client, tag);
  await drawn(server, element, 1_100);
  expect(textOf(element)).toBe('No event is named here.');
  expect(warned).toHaveBeenCalledWith(expect.stringContaining(`<${tag}>: event has to be the number`), element);
  element.setAttribute('event', '99');
  await drawn(server, element);
  expect(textOf(element)).toBe('There is no such event.');
  expect(warned).toHaveBeenCalledWith(expect.stringContaining(`<${tag}>: event 99`), element);
  element.setAttribute('event', '1');
  await drawn(server, element);
  expect(textOf(element)).not.toContain('event is');
  expect(element.shadowRoot?.querySelector('.fault')).toBeNull();
});
