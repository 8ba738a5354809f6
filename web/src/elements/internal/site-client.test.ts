// @vitest-environment happy-dom
import { expect, it } from 'vitest';
import { LiveClient, SeatcastClient, sharedClient, useClient } from '../index.ts';
import { sharedClient as clientOfElements } from './full-client.ts';

it('gives sites the client of their elements, and it can do everything', () => {
  const client = sharedClient();
  expect(client).toBeInstanceOf(SeatcastClient);
  expect(clientOfElements()).toBe(client);
});

it('refuses a client that only shows numbers', () => {
  useClient(new LiveClient({ url: 'http://fake' }));
  expect(sharedClient).toThrow(TypeError);
  expect(clientOfElements).toThrow(TypeError);
});
