import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, inject, it } from 'vitest';
import { makeEvent, organizersToken, sql } from '../support/world.ts';

/**
 * PyPI `realtime` as it is published, against the real server: `pypi_realtime.py` joins the three channels and
 * says what it hears. `scripts/setup.sh test` installs it.
 */
const installed = (path: string): string => fileURLToPath(new URL(`../../../target/tools/${path}`, import.meta.url));
const python = installed('python/bin/python3');
const script = fileURLToPath(new URL('pypi_realtime.py', import.meta.url));

let client: ChildProcess | undefined;
afterEach(() => client?.kill());

if (!existsSync(python)) console.warn(`PyPI realtime is not tested: there is no ${python} (scripts/setup.sh test)`);

it.skipIf(!existsSync(python))('PyPI realtime joins, receives, tracks and broadcasts', async () => {
  const event = await makeEvent('Python', 50);
  client = spawn(python, [script, inject('seatcast').url, String(event.id), organizersToken()], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const heard: string[] = [];
  createInterface(client.stdout!).on('line', (line) => {
    const [what, value] = JSON.parse(line) as [string, unknown];
    heard.push(value === null ? what : `${what} ${String(value)}`);
  });
  const say = (line: string): void => void client?.stdin?.write(`${line}\n`);
  const hears = (what: string): Promise<void> => expect.poll(() => heard).toContain(what);

  for (const channel of ['tickets', 'registration', 'updates']) {
    await expect.poll(() => heard.some((line) => line.startsWith(channel) && line.endsWith('SUBSCRIBED'))).toBe(true);
  }
  await sql(`update ticket_types set capacity = 40 where id = ${event.typeId}`);
  await hears('event_tickets UPDATE');
  await sql(`insert into ticket_types (event_id, name, price_amount, capacity) values (${event.id}, 'Late', 1, 5)`);
  await hears('event_tickets INSERT');
  await sql(`delete from ticket_types where event_id = ${event.id} and name = 'Late'`);
  await hears('event_tickets DELETE');
  await sql(`update events set venue = 'Arena' where id = ${event.id}`);
  await hears('events UPDATE');
  await hears('notices INSERT');
  await hears('update info_update');
  say('track');
  await hears('here 1');
  heard.length = 0;
  say('untrack');
  await hears('here 0');
  say('broadcast');
  await hears('update custom');
  expect(heard.filter((line) => line === 'update custom')).toHaveLength(1);
});
