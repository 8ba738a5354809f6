import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Link } from '../support/link.ts';
import { makeEvent, organizersToken, seatcast, sql } from '../support/world.ts';

/**
 * PyPI `realtime` as it is published, the oldest and the newest version that are served, against the real server:
 * `pypi_realtime.py` joins the three channels and says what it hears. `scripts/setup.sh test` installs it.
 */
const published = [
  // Its ways to come back by itself name functions that it does not have: code that uses it opens a new connection.
  { version: '2.0.0', folder: 'python-oldest', comesBack: false },
  { version: 'newest', folder: 'python', comesBack: true },
];
const installed = (path: string): string => fileURLToPath(new URL(`../../../target/tools/${path}`, import.meta.url));
const script = fileURLToPath(new URL('pypi_realtime.py', import.meta.url));
const channels = ['tickets', 'registration', 'updates'];

let client: ChildProcess | undefined;
let link: Link;
beforeEach(async () => {
  link = await Link.to(seatcast().url);
});
afterEach(async () => {
  client?.kill();
  await link.close();
});

describe.each(published)('PyPI realtime $version', ({ folder, comesBack }) => {
  const python = installed(`${folder}/bin/python3`);

  it('joins, receives, tracks, broadcasts, leaves and comes back', async () => {
    expect(existsSync(python), `${python}: scripts/setup.sh test installs it`).toBe(true);
    const event = await makeEvent('Python', 50);
    client = spawn(python, [script, link.url, String(event.id), organizersToken()], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const heard: string[] = [];
    createInterface(client.stdout!).on('line', (line) => {
      const [what, value] = JSON.parse(line) as [string, unknown];
      heard.push(value === null ? what : `${what} ${String(value)}`);
    });
    const say = (line: string): void => void client?.stdin?.write(`${line}\n`);
    const hears = (what: string): Promise<void> => expect.poll(() => heard).toContain(what);
    const joins = async (): Promise<void> => {
      for (const channel of channels) {
        await expect.poll(() => heard.some((line) => line.startsWith(channel) && line.endsWith('SUBSCRIBED'))).toBe(true);
      }
    };

    await joins();
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

    heard.length = 0;
    link.cut();
    link.restore();
    if (!comesBack) say('open');
    await joins();
    await sql(`update ticket_types set capacity = 30 where id = ${event.typeId}`);
    await hears('event_tickets UPDATE');

    heard.length = 0;
    say('leave');
    // Answered after the leave, which went before it on the same connection.
    say('broadcast');
    await hears('update custom');
    heard.length = 0;
    // The other channels hear of it, and the one that left does not.
    await sql(`update events set venue = 'Hall' where id = ${event.id}`);
    await hears('update info_update');
    expect(heard).toEqual(['update info_update']);
  });
});
