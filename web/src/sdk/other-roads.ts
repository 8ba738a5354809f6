/** The roads beside the socket, fetched when one of them is needed: most pages never need them. */
export { Poller } from './polling.ts';
export { Streams } from './streams.ts';
