/** The one thing the SDK needs of a network: a text channel that opens, speaks and ends. */
export interface Transport {
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

export interface TransportEvents {
  opened(): void;
  received(text: string): void;
  /** Called once, also when the opening failed (then with code 1006). */
  closed(code: number, reason: string): void;
}

export type OpenTransport = (url: string, events: TransportEvents) => Transport;

/** The part of the WebSocket API that is used: browsers, Node 22 and npm `ws` all have it. */
export interface WebSocketLike {
  readonly readyState: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}
export type WebSocketConstructor = new (url: string) => WebSocketLike;

/**
 * Opens WebSockets with the given class, by default the platform's.
 * Returns undefined where there is none (Node before 22 without npm `ws`).
 */
export function webSocketTransport(given?: WebSocketConstructor): OpenTransport | undefined {
  const found = given ?? (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
  if (!found) return undefined;
  return (url, events) => open(new found(url), events);
}

/** For platforms without WebSocket: says at once, and for good, that nothing can be opened. */
export const noTransport: OpenTransport = (_url, events) => {
  queueMicrotask(() => events.closed(NOT_POSSIBLE, 'no WebSocket here'));
  return { send: () => {}, close: () => {} };
};
/** A close code of the kind that is not retried. */
const NOT_POSSIBLE = 1002;

const OPEN = 1;

function open(socket: WebSocketLike, events: TransportEvents): Transport {
  socket.onopen = () => events.opened();
  socket.onmessage = (event: { data: unknown }) => {
    // Our topics speak text only; binary frames belong to the Supabase dialect.
    if (typeof event.data === 'string') events.received(event.data);
  };
  socket.onclose = (event: { code: number; reason: string }) => events.closed(event.code, event.reason);
  // A close always follows an error and says as much; without a handler npm `ws` would throw.
  socket.onerror = () => {};
  return {
    send: (text) => {
      if (socket.readyState === OPEN) socket.send(text);
    },
    close: (code, reason) => socket.close(code, reason),
  };
}
