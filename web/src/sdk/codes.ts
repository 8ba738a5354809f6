/**
 * Why a server closes a connection, and whether to come back.
 *
 * Mirrors `src/protocol/code.rs`; `tests/wire/codes.json` is the list that both sides' tests read.
 */
export type Retry =
  /** The same again will be refused again: stop and say so. */
  | 'never'
  /** Come back after a jittered delay and resume with `since`. */
  | 'later'
  /** Get a fresh token first. */
  | 'refresh_token';

export interface CloseCode {
  code: number;
  name: string;
  retry: Retry;
  /** Least delay before coming back, in milliseconds, on top of the backoff. */
  pauseMs: number;
}

export const CLOSE_CODES: readonly CloseCode[] = [
  { code: 1000, name: 'NORMAL', retry: 'never', pauseMs: 0 },
  { code: 1001, name: 'GOING_AWAY', retry: 'later', pauseMs: 0 },
  { code: 1002, name: 'PROTOCOL_ERROR', retry: 'never', pauseMs: 0 },
  { code: 1007, name: 'NOT_UTF8', retry: 'never', pauseMs: 0 },
  { code: 1008, name: 'POLICY', retry: 'never', pauseMs: 0 },
  { code: 1009, name: 'TOO_BIG', retry: 'never', pauseMs: 0 },
  { code: 4001, name: 'TOKEN_ENDED', retry: 'refresh_token', pauseMs: 0 },
  { code: 4002, name: 'TOO_MANY_CONNECTIONS', retry: 'later', pauseMs: 20_000 },
  { code: 4003, name: 'OUTBOX_OVERFLOW', retry: 'later', pauseMs: 0 },
];

/** A link that broke without a word of the server: 1006, or a proxy's own code. */
const BROKEN: CloseCode = { code: 1006, name: 'BROKEN', retry: 'later', pauseMs: 0 };

export function closeCode(code: number): CloseCode {
  return CLOSE_CODES.find((known) => known.code === code) ?? BROKEN;
}
