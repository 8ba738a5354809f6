/** For sites that write code of their own beside the elements: the page's client can do everything. */
import { SeatcastClient } from '../../sdk/client.ts';
// First, as what it provides can do less.
import './full-client.ts';
import { liveClient, provideClient } from './shared-client.ts';

provideClient(SeatcastClient);

/** One client for the page, that can do everything. */
export function sharedClient(): SeatcastClient {
  const client = liveClient();
  if (client instanceof SeatcastClient) return client;
  throw new TypeError('useClient: this page needs a SeatcastClient');
}
