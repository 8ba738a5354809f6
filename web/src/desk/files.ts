import { save } from '../elements/internal/save.ts';
import { deskClient } from './desk-client.ts';

/** Fetches a file, as its reader, and gives it to the browser as if it had been downloaded. @throws Refusal, Unreachable */
export async function download(path: string, name: string): Promise<void> {
  save(await deskClient().file(path), name);
}
