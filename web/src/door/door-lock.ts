/**
 * One page of a device at an event's doors: pages share the journal, and not what each knows of those who are in, so two of
 * them would let one ticket in twice while the network is away. The page that is opened last has the door; the one before
 * hears that it lost it. Where browsers have no locks (pages that did not come by https) they check no ticket by themselves
 * either.
 */

const PREFIX = 'seatcast-doors.';

/** Takes the door from whichever page has it. Answers how it is given back. `lost`: another page took it. */
export function takeDoor(event: number, lost: () => void): () => void {
  return take(PREFIX + event, lost);
}

/** Closes the doors of all events on other pages: the device is handed on. */
export async function closeDoors(): Promise<void> {
  const { held = [] } = (await navigator.locks?.query()) ?? {};
  for (const { name } of held) if (name?.startsWith(PREFIX)) take(name, () => undefined)();
}

function take(name: string, lost: () => void): () => void {
  let giveBack!: () => void;
  const isGivenBack = new Promise<void>((resolve) => (giveBack = resolve));
  void navigator.locks?.request(name, { steal: true }, () => isGivenBack).catch((error: unknown) => {
    // Where locks are forbidden nobody takes one.
    if (error instanceof DOMException && error.name === 'AbortError') lost();
  });
  return giveBack;
}
