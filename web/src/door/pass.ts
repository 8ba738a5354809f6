/**
 * The text in a ticket's QR, which `src/ticketing/pass.rs` writes: read and checked without network. A good signature says
 * «ours», never «not used yet».
 */

/** The content of a ticket's QR. */
export interface Pass {
  /** The number of the key that signed it. */
  key: number;
  event: number;
  ticket: number;
  generation: number;
  ticketType: number;
}

export interface ReadPass {
  pass: Pass;
  /** The bytes that are signed. */
  signed: Uint8Array<ArrayBuffer>;
  signature: Uint8Array<ArrayBuffer>;
}

/** Prefix of the text. */
const SCHEME = 'SC1:';
const VERSION = 1;
/** Keeps a signature that was made for something else from passing for a ticket's. */
const DOMAIN = 'seatcast-ticket-v1\0';
const BODY_BYTES = 34;
const SIGNATURE_BYTES = 64;
/** No text of ours is longer. */
export const PASS_CHARS_MAX = 200;

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:';

/** Whether a text means to be a ticket's QR, as scanners that type write it into the field for codes. */
export function isPassText(text: string): boolean {
  return text.trim().startsWith(SCHEME);
}

/** Reads a scanned text; undefined: it is no ticket of this version. */
export function readPass(text: string): ReadPass | undefined {
  if (!isPassText(text)) return undefined;
  const bytes = fromBase45(text.trim().slice(SCHEME.length));
  if (bytes?.length !== BODY_BYTES + SIGNATURE_BYTES) return undefined;
  let at = 0;
  const next = (width: number): number => {
    let value = 0;
    for (const end = at + width; at < end; at += 1) value = value * 256 + bytes[at]!;
    return value;
  };
  if (next(1) !== VERSION) return undefined;
  const [key, event, ticket, generation] = [next(1), next(6), next(6), next(2)];
  // Not-after, which gates need not look at: the list says what is good.
  next(4);
  const pass = { key, event, ticket, generation, ticketType: next(7) };
  const domain = new TextEncoder().encode(DOMAIN);
  const signed = new Uint8Array(domain.length + BODY_BYTES);
  signed.set(domain);
  signed.set(bytes.subarray(0, BODY_BYTES), domain.length);
  return { pass, signed, signature: bytes.slice(BODY_BYTES) };
}

/** RFC 9285. */
function fromBase45(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length > PASS_CHARS_MAX || text.length % 3 === 1) return undefined;
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at += 3) {
    const group = text.slice(at, at + 3);
    let value = 0;
    for (const sign of [...group].reverse()) {
      const digit = ALPHABET.indexOf(sign);
      if (digit < 0) return undefined;
      value = value * 45 + digit;
    }
    if (value >= (group.length === 3 ? 65_536 : 256)) return undefined;
    if (group.length === 3) bytes.push(value >> 8);
    bytes.push(value & 255);
  }
  return new Uint8Array(bytes);
}

/**
 * Whether one of the keys signed it; undefined: nobody here can say. The key may be younger than the list, or this browser
 * knows no Ed25519, or the page did not come by https.
 */
export async function isSigned({ pass, signed, signature }: ReadPass, keys: ReadonlyMap<number, string>): Promise<boolean | undefined> {
  const key = keys.get(pass.key);
  if (key === undefined) return undefined;
  try {
    const imported = await crypto.subtle.importKey('raw', fromBase64Url(key), 'Ed25519', false, ['verify']);
    return await crypto.subtle.verify('Ed25519', imported, signature, signed);
  } catch {
    return undefined;
  }
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (sign) => sign.charCodeAt(0));
}

/** SHA-256 of a code in base64url, as the bundle has it; undefined: this browser cannot say. */
export async function hashOf(code: string): Promise<string | undefined> {
  try {
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(code)));
    return btoa(String.fromCharCode(...hash)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  } catch {
    return undefined;
  }
}

/** A typed code as it is stored: without spaces and signs that nobody sees, with its hyphens and plain digits, in upper case. */
export function plainCode(typed: string): string {
  const plain = typed
    .normalize('NFKC')
    .replace(/[\s\p{Cf}\u180b-\u180f\ufe00-\ufe0f]/gu, '')
    .replace(/[\u2010-\u2015\u2212\ufe58\ufe63]/g, '-')
    .replace(/\p{Nd}/gu, (digit) => String(digitOf(digit)))
    .toUpperCase();
  const [, day, signs] = /^TKT(\d{8})([2-9A-HJKMNP-TV-Z]{8})$/.exec(plain.replaceAll('-', '')) ?? [];
  return signs ? `TKT-${day}-${signs}` : plain;
}

/** Digits of every script stand in tens from their zero on. */
function digitOf(sign: string): number {
  const point = sign.codePointAt(0)!;
  let value = 0;
  while (value < 9 && /\p{Nd}/u.test(String.fromCodePoint(point - value - 1))) value += 1;
  return value;
}
