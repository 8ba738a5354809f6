import type { Ticket } from './booking.ts';
import { envelope, faultOf, Refusal, Unreachable, type Rest } from './rest.ts';

/** A file of which nothing has come for so long does not come; one that is large or on a thin line may take its time. */
const STALLED_MS = 30_000;

/**
 * Fetches a file, such as a PDF.
 * @throws Refusal, Unreachable
 */
export async function fileOf(rest: Rest, path: string, headers: Record<string, string> = {}): Promise<Blob> {
  const stalled = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wait = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => stalled.abort(new Error('the file stopped coming')), STALLED_MS);
  };
  wait();
  try {
    const response = await rest.fetch(path, { headers: { accept: '*/*', ...headers }, signal: stalled.signal });
    if (!response.ok) throw faultOf(response, await envelope(response));
    return await bodyOf(response, wait);
  } finally {
    clearTimeout(timer);
  }
}

/** The server prints no more tickets into one file. */
const TICKETS_PER_FILE = 1_000;

/**
 * Fetches a booking's tickets to print, in as many files as they take, and keeps each under its name.
 * @throws Refusal, Unreachable
 */
export async function eachOfTickets(
  { reference = '', tickets }: { reference?: string; tickets: readonly Pick<Ticket, 'status'>[] },
  fetchPart: (part: number) => Promise<Blob>,
  keep: (file: Blob, name: string) => void,
): Promise<void> {
  const printed = tickets.filter(({ status }) => status !== 'void' && status !== 'transferred').length;
  const parts = Math.max(1, Math.ceil(printed / TICKETS_PER_FILE));
  for (let part = 1; part <= parts; part += 1) {
    try {
      keep(await fetchPart(part), parts === 1 ? `tickets-${reference}.pdf` : `tickets-${reference}-${part}-of-${parts}.pdf`);
    } catch (error) {
      // A used ticket may have been somebody else's, who prints it.
      if (part > 1 && error instanceof Refusal && error.code === 'TICKET_NOT_FOUND') return;
      throw error;
    }
  }
}

/** Calls back with each piece. */
async function bodyOf(response: Response, came: () => void): Promise<Blob> {
  const type = response.headers.get('content-type') ?? '';
  const reader = response.body?.getReader();
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  try {
    for (;;) {
      const piece = await reader?.read();
      if (!piece || piece.done) return new Blob(pieces, { type });
      came();
      pieces.push(piece.value);
    }
  } catch (cause) {
    // A link that breaks in the middle of the file is no file.
    throw new Unreachable(cause instanceof Error ? cause.message : 'no connection');
  }
}
