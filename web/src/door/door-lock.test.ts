import { afterEach, expect, it, vi } from 'vitest';
import { closeDoors } from './door-lock.ts';

afterEach(() => vi.unstubAllGlobals());

it('has closed the doors of other pages once it is done, and no other lock', async () => {
  const grants: (() => Promise<unknown>)[] = [];
  const request = vi.fn((_name: string, _options: LockOptions, run: () => Promise<unknown>) => new Promise((resolve) => grants.push(async () => resolve(await run()))));
  const query = async (): Promise<unknown> => ({ held: [{ name: 'seatcast-doors.1' }, { name: 'other' }, { name: 'seatcast-doors.2' }] });
  vi.stubGlobal('navigator', { locks: { request, query } });
  let isDone = false;
  const closing = closeDoors().then(() => (isDone = true));
  await vi.waitFor(() => expect(request.mock.calls.map(([name]) => name)).toEqual(['seatcast-doors.1', 'seatcast-doors.2']));
  await grants[0]!();
  await new Promise((resolve) => setImmediate(resolve));
  expect(isDone).toBe(false);
  await grants[1]!();
  await closing;
});

it('closes the others where one is taken from it meanwhile, and none where there are no locks', async () => {
  const request = vi.fn(async (name: string) => {
    if (name.endsWith('.1')) throw new DOMException('stolen', 'AbortError');
  });
  vi.stubGlobal('navigator', { locks: { request, query: async () => ({ held: [{ name: 'seatcast-doors.1' }, { name: 'seatcast-doors.2' }] }) } });
  await closeDoors();
  expect(request).toHaveBeenCalledTimes(2);
  vi.stubGlobal('navigator', {});
  await closeDoors();
});
