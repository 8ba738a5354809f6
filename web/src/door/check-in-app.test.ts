// @vitest-environment happy-dom
import { afterEach, expect, it, vi } from 'vitest';
import type { Attendance } from '../desk/desk.ts';
import { MemoryJournal } from './journal.ts';

/** Whoever is signed in, in whichever tab. */
const desk = Object.assign(new EventTarget(), { attendance: 'asking' as Attendance, me: undefined, people: [], begin: () => undefined });
/** Another tab takes the door, or closes it. */
let lose = (): void => {};

vi.mock('../desk/desk.ts', () => ({ desk: () => desk }));
vi.mock('../desk/sign-in.ts', () => ({}));
vi.mock('./door-view.ts', () => ({}));
vi.mock('./door-lock.ts', () => ({
  closeDoors: async () => undefined,
  takeDoor: (_event: number, lost: () => void) => {
    lose = lost;
    return () => undefined;
  },
}));
vi.mock('./journal.ts', async (original) => ({ ...(await original<typeof import('./journal.ts')>()), openJournal: async () => journal }));

const journal = Object.assign(new MemoryJournal(), { isLasting: true });

function sign(attendance: Attendance, me?: { id: number; name: string }): void {
  Object.assign(desk, { attendance, me });
  desk.dispatchEvent(new Event('change'));
}

async function opened(): Promise<{ shown: () => Promise<string> }> {
  vi.stubGlobal('fetch', async () => {
    throw new TypeError('away');
  });
  await import('./begin.ts');
  const { CheckInApp } = await import('./check-in-app.ts');
  const list = { event_id: 1, organizer_id: 2, title: 'Show', venue: 'Hall', starts_at: '2031-06-01T18:00:00Z', ends_at: null, timezone: 'UTC', stands: true };
  await journal.putList({ ...list, types: [], keys: [], tickets: [], read_at: 0 });
  history.replaceState(null, '', '/checkin?event=1&gate=North');
  const app = new CheckInApp();
  document.body.append(app);
  const shown = async (): Promise<string> => {
    await app.updateComplete;
    return app.renderRoot.querySelector('main')!.textContent!;
  };
  await vi.waitFor(() => expect(app.gate).toBeDefined());
  return { shown };
}

afterEach(() => {
  document.body.replaceChildren();
  vi.unstubAllGlobals();
});

it.each([
  ['before', [() => lose(), () => sign('nobody')]],
  ['after', [() => sign('nobody'), () => lose()]],
] as const)('names no door of another tab to the next person, where its end is heard of %s that of the session', async (_, ends) => {
  sign('staff', { id: 7, name: 'Jonas' });
  const { shown } = await opened();
  for (const end of ends) end();
  expect(await shown()).not.toContain('another tab');
  sign('staff', { id: 8, name: 'Ada' });
  expect(await shown()).not.toContain('another tab');
});

it('says that another tab has the door while somebody is signed in', async () => {
  sign('staff', { id: 7, name: 'Jonas' });
  const { shown } = await opened();
  lose();
  expect(await shown()).toContain('This door is open in another tab');
});
