import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { keys, ticket } from '../../test/support/passes.ts';
import { hashOf, isSigned, plainCode, readPass } from './pass.ts';

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
