/** Ways of end-to-end tests to act on the server from outside: SQL by hand, REST as somebody. */
import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { promisify } from 'node:util';
import { inject } from 'vitest';
import { secret, type Seatcast } from './seatcast.ts';

/** The server of this test file: files that run at once have one each. */
export function seatcast(): Seatcast {
  return inject('servers')[Number(process.env['VITEST_POOL_ID']) - 1]!;
}

/** Runs statements as a person with `psql` would, and answers what the last one printed. */
export async function sql(statements: string): Promise<string> {
  const { database } = seatcast();
  const options = ['--no-psqlrc', '--quiet', '--tuples-only', '--no-align', '--set=ON_ERROR_STOP=1'];
  // Seatcast's tables live in a schema of their own.
  const env = { ...process.env, PGOPTIONS: '-c search_path=seatcast,public' };
  const { stdout } = await promisify(execFile)('psql', [...options, '--command', statements, database], { env });
  return stdout.trim();
}

/** A number that a query answers. */
export async function number(query: string): Promise<number> {
  return Number(await sql(query));
}

/** Sends a REST request as a user of the demo, and answers its data. */
export async function rest<T>(method: string, path: string, body?: unknown, userId?: number): Promise<T> {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (userId !== undefined) headers['x-user-id'] = String(userId);
  const answer = await fetch(`${seatcast().url}/api/v1${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const { success, message, data } = (await answer.json()) as { success: boolean; message: string; data: T };
  if (!success) throw new Error(`${method} ${path}: ${answer.status} ${message} ${JSON.stringify(data)}`);
  return data;
}

/** A token of the organizer of the events that tests make, as an issuer of tokens would sign it. */
export function organizersToken(): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { sub: '2', role: 'organizer', exp: Math.floor(Date.now() / 1000) + 600 };
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

interface MadeEvent {
  id: number;
  ticket_types: { id: number; name: string }[];
}

/** An event of its own for a test: nobody else changes its numbers. Free ones are confirmed when they are booked. */
export async function makeEvent(title: string, capacity: number, price = 4_500): Promise<{ id: number; typeId: number }> {
  const event = await rest<MadeEvent>(
    'POST',
    '/events',
    {
      title,
      venue: 'Test hall',
      category: 'concert',
      starts_at: '2037-06-01T20:00:00Z',
      timezone: 'Europe/Berlin',
      currency: 'EUR',
      capacity,
      ticket_types: [{ name: 'Standard', price, capacity }],
    },
    2,
  );
  return { id: event.id, typeId: event.ticket_types[0]!.id };
}

/** A customer without bookings; the demo's have dozens each. */
export async function makeUser(name: string): Promise<number> {
  const { id } = await rest<{ id: number }>('POST', '/users', { name, email: `${crypto.randomUUID()}@example.com` }, 1);
  return id;
}
