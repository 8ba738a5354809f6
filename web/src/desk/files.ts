import { deskClient } from './desk-client.ts';

/** A browser that is slow to begin still finds the file. */
const KEPT_MS = 60_000;

/** Fetches a file, as its reader, and gives it to the browser as if it had been downloaded. @throws Refusal, Unreachable */
export async function download(path: string, name: string): Promise<void> {
  const file = await deskClient().file(path);
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}
