import { envelope, faultOf, Unreachable, type Rest } from './rest.ts';

/**
 * Fetches a file, such as a PDF.
 * @throws Refusal, Unreachable
 */
export async function fileOf(rest: Rest, path: string, headers: Record<string, string> = {}): Promise<Blob> {
  const response = await rest.fetch(path, { headers: { accept: '*/*', ...headers } });
  if (response.ok) {
    // A link that breaks in the middle of the file is no file.
    return response.blob().catch((cause: unknown) => {
      throw new Unreachable(cause instanceof Error ? cause.message : 'no connection');
    });
  }
  throw faultOf(response, await envelope(response));
}
