import { generateKeyPairSync, sign, createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { hashOf, isSigned, plainCode, readPass } from './pass.ts';

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

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const keys = new Map([[3, publicKey.export({ format: 'jwk' }).x!]]);

function ticket({ key = 3, event = 42, id = 1_000_007, generation = 2, type = 9 } = {}): string {
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

describe('a QR', () => {
  it('is read as the server writes it', () => {
    const text = ticket();
    expect(text).toHaveLength(151);
    expect(readPass(text)?.pass).toEqual({ key: 3, event: 42, ticket: 1_000_007, generation: 2, ticketType: 9 });
    expect(readPass(` ${text}\n`)?.pass.ticket).toBe(1_000_007);
  });

  it('of ours is signed, and with any sign changed it is not', async () => {
    const text = ticket();
    expect(await isSigned(readPass(text)!, keys)).toBe(true);
    for (let at = 4; at < text.length; at += 7) {
      const other = text.slice(0, at) + (text[at] === '0' ? '1' : '0') + text.slice(at + 1);
      const read = readPass(other);
      expect(read && (await isSigned(read, keys)), `${at}`).not.toBe(true);
      if (read?.pass.key === 3) expect(await isSigned(read, keys), `${at}`).toBe(false);
    }
  });

  it('of a key that is not known here is neither ours nor forged', async () => {
    expect(await isSigned(readPass(ticket({ key: 4 }))!, keys)).toBe(undefined);
  });

  it('is nothing where it is no ticket', () => {
    for (const text of ['', 'SC1:', 'SC1:GGW', 'SC1:::', 'https://example.org', ticket().slice(0, -3), `${ticket()}000`]) expect(readPass(text)).toBeUndefined();
  });
});

it('a typed code is read as the server reads it, and hashed as the bundle is', async () => {
  for (const typed of ['tkt-20310601-7f3k9qwx', ' TKT\u201120310601 \u2013 7F3K9QWX\u2069', 'ＴＫＴ-۲۰۳۱۰۶۰۱-7F3K9QWX', 'TKT-๒๐๓๑๐๖๐๑-7f3k9qwx', 'tkt20310601 7f3k9qwx']) {
    expect(plainCode(typed)).toBe('TKT-20310601-7F3K9QWX');
  }
  expect(await hashOf('TKT-1')).toBe(createHash('sha256').update('TKT-1').digest('base64url'));
});
