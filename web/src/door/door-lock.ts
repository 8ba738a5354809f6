/**
 * One page of a device at an event's doors: pages share the journal, and not what each knows of those who are in, so two of
 * them would let one ticket in twice while the network is away. The page that is opened last has the door; the one before
 * hears that it lost it.
 *
 * Where a browser has no locks, each page keeps its door. By plain http that does no harm, since pages check no ticket by
 * themselves there. Old browsers (Safari before 15.4) have none by https either, and do check typed codes: two of their pages
 * can let one ticket in twice, as two gates can.
 */

const PREFIX = 'seatcast-doors.';

/** Takes the door from whichever page has it. Answers how it is given back. `lost`: another page took it. */
export function takeDoor(event: number, lost: () => void): () => void {
  let giveBack!: () => void;
  const isGivenBack = new Promise<void>((resolve) => (giveBack = resolve));
  void steal(PREFIX + event, () => isGivenBack).catch((error: unknown) => {
    // Where locks are forbidden nobody takes one.
    if (error instanceof DOMException && error.name === 'AbortError') lost();
  });
  return giveBack;
}

/** Closes the doors of all events on other pages: the device is handed on. Resolves when none of them has its door any more. */
export async function closeDoors(): Promise<void> {
  const { held = [] } = (await navigator.locks?.query()) ?? {};
  const doors = held.flatMap(({ name }) => (name?.startsWith(PREFIX) ? [name] : []));
  // One that cannot be taken, or is taken from here at once, holds up no other.
  await Promise.allSettled(doors.map((name) => steal(name, async () => undefined)));
}

async function steal(name: string, hold: () => Promise<void>): Promise<void> {
  await navigator.locks?.request(name, { steal: true }, hold);
}
