import { expect, it } from 'vitest';
import { serverOf } from './shared-client.ts';

it.each([
  ['https://tickets.example.org/embed/seatcast.js', 'https://tickets.example.org'],
  ['https://tickets.example.org/assets/elements-1a2b.js?x=1', 'https://tickets.example.org'],
  ['https://example.org/tickets/assets/elements-1a2b.js', 'https://example.org/tickets'],
  ['https://example.org/a/b/embed/seatcast.js', 'https://example.org/a/b'],
  ['http://127.0.0.1:5173/src/elements/internal/shared-client.ts', 'http://127.0.0.1:5173'],
])('finds the server of %s', (script, server) => {
  expect(serverOf(script)).toBe(server);
});
