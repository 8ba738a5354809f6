/** For elements that sell: the page's client can book. */
import { BuyerClient } from '../../sdk/buyer-client.ts';
import { liveClient, provideClient } from './shared-client.ts';

provideClient(BuyerClient);

/** One client for the page, that can do everything that its elements do. */
export function sharedClient(): BuyerClient {
  const client = liveClient();
  if (client instanceof BuyerClient) return client;
  // The page was given one that only shows numbers, by `useClient`.
  throw new TypeError('useClient: this element needs a SeatcastClient');
}
