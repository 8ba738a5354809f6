/** For elements that sell: the page's client can book. */
import { SeatcastClient } from '../../sdk/client.ts';
import { liveClient, provideClient } from './shared-client.ts';

provideClient(SeatcastClient);

/** One client for the page, that can do everything. */
export function sharedClient(): SeatcastClient {
  const client = liveClient();
  if (client instanceof SeatcastClient) return client;
  // The page was given one that only shows numbers, by `useClient`.
  throw new TypeError('useClient: this element needs a SeatcastClient');
}
