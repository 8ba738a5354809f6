/** QRs of tickets with good signatures, as `src/ticketing/pass.rs` writes them. */
import { generateKeyPairSync, sign } from 'node:crypto';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:';

/** RFC 9285, as the server writes it. */
function base45(bytes: Buffer): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 2) {
    const pair = bytes.subarray(at, at + 2);
    let value = pair.reduce((sum, byte) => sum * 256 + byte, 0);
    for (let sign = 0; sign <= pair.length; sign += 1) {
      text += ALPHABET[value % 45];
      value = Math.floor(value / 45);
    }
  }
  return text;
}

/** Of the one key that signs them. */
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
export const keys = new Map([[3, publicKey.export({ format: 'jwk' }).x!]]);

/** The text of a ticket's QR. */
export function ticket({ key = 3, event = 42, id = 1_000_007, generation = 2, type = 9 } = {}): string {
  const body = Buffer.alloc(34);
  body.writeUInt8(1, 0);
  body.writeUInt8(key, 1);
  body.writeUIntBE(event, 2, 6);
  body.writeUIntBE(id, 8, 6);
  body.writeUInt16BE(generation, 14);
  body.writeUInt32BE(2_000_000_000, 16);
  body.writeUIntBE(type, 21, 6);
  const signature = sign(null, Buffer.concat([Buffer.from('seatcast-ticket-v1\0'), body]), privateKey);
  return `SC1:${base45(Buffer.concat([body, signature]))}`;
}
