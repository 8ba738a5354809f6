// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { SeatcastClient, Waiting } from '../../sdk/index.ts';
import { accepted, FakeServer, foreignTokenOf, refused, tokenOf } from '../../../test/support/fake-server.ts';
import { drawn, find, mount, textOf } from '../../../test/support/mount.ts';
import type { SeatcastWaitlist } from './seatcast-waitlist.ts';
import './seatcast-waitlist.ts';

let server: FakeServer;
let client: SeatcastClient;
let mine: Partial<Waiting>[];

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.addEvent(1);
  mine = [];
  server.routes.set('GET /waitlist/mine', () => accepted(mine));
  client = server.client({ token: tokenOf(3) });
});
afterEach(() => {
  document.body.replaceChildren();
  client.close();
  vi.useRealTimers();
});

const shown = (): Promise<SeatcastWaitlist> => mount(server, client, 'seatcast-waitlist', { event: '1' });
const place = (given: Partial<Waiting> = {}): Partial<Waiting> => ({ id: 5, event_id: 1, quantity: 2, status: 'waiting', place: 4, ...given });

it('is offered when everything is sold', async () => {
  const element = await shown();
  expect(textOf(element)).toBe('');
  server.sell(1, 7, 100);
  await drawn(server, element);
  expect(textOf(element)).toContain('Join the waitlist');
  expect(element.hasAttribute('empty')).toBe(false);
});

it('asks guests to sign in', async () => {
  server.sell(1, 7, 100);
  client.setToken(undefined);
  const element = await shown();
  expect(textOf(element)).toBe('Sign in to join the waitlist.');
  client.setToken(tokenOf(3));
  await drawn(server, element);
  expect(textOf(element)).toContain('Join the waitlist');
});

it('lets accounts of other issuers wait', async () => {
  server.sell(1, 7, 100);
  server.routes.set('GET /auth/me', () => accepted({ id: 3 }));
  client.setToken(foreignTokenOf('auth0|ada', 3));
  const element = await shown();
  await drawn(server, element);
  expect(textOf(element)).toContain('Join the waitlist');
});

it('asks for a number in the digits of the page, and takes those of any script', async () => {
  server.sell(1, 7, 100);
  document.documentElement.lang = 'fa';
  const element = await shown();
  const input = find<HTMLInputElement>(element, 'input');
  expect(input.value).toBe('۱');
  for (const [typed, isGood] of [['۳', true], ['3', true], ['0', false], ['۹۹۹۹', false], ['x', false], ['', false]] as const) {
    input.value = typed;
    input.dispatchEvent(new Event('input'));
    expect(`${typed}: ${input.checkValidity()}`).toBe(`${typed}: ${isGood}`);
  }
  expect(element.quantity).toBe(3);
  document.documentElement.removeAttribute('lang');
});

it('is joined for so many, shows the place, follows it, and is left', async () => {
  server.sell(1, 7, 100);
  const element = await shown();
  server.routes.set('POST /events/1/waitlist', () => {
    mine = [place()];
    return accepted(mine[0], {}, 201);
  });
  const input = find<HTMLInputElement>(element, 'input');
  input.value = '2';
  input.dispatchEvent(new Event('input'));
  find(element, 'form').dispatchEvent(new Event('submit', { cancelable: true }));
  await drawn(server, element);
  expect(server.requests.findLast(({ method }) => method === 'POST')?.body).toEqual({ quantity: 2 });
  expect(textOf(element)).toContain('4 your place on the waitlist, for 2 tickets');
  mine = [place({ place: 1 })];
  await drawn(server, element, 31_000);
  expect(textOf(element)).toContain('1 your place');
  server.routes.set('DELETE /waitlist/5', () => {
    mine = [];
    return accepted(place({ status: 'left' }));
  });
  find(element, 'button').click();
  await drawn(server, element);
  expect(textOf(element)).toContain('You have left the waitlist.');
  expect(textOf(element)).toContain('Join the waitlist');
});

it('says no more when tickets are offered, which the bookings show', async () => {
  server.sell(1, 7, 100);
  mine = [place()];
  const element = await shown();
  expect(textOf(element)).toContain('4 your place');
  mine = [place({ status: 'offered', place: null })];
  server.hold(3, { kind: 'offer' });
  await drawn(server, element);
  expect(textOf(element)).toBe('');
});

it('says why it cannot be joined', async () => {
  server.sell(1, 7, 100);
  const element = await shown();
  server.routes.set('POST /events/1/waitlist', () => refused(409, 'NOT_SOLD_OUT'));
  find(element, 'form').dispatchEvent(new Event('submit', { cancelable: true }));
  await drawn(server, element);
  expect(textOf(element)).toContain('There are tickets left');
});
