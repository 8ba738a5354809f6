import { envelope, faultOf, Unreachable, type Rest } from './rest.ts';

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
