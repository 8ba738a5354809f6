/**
 * A push service of the tests' own, with the browsers that it knows: RFC 8030, 8188, 8291 and 8292, written from the standards
 * with Node's own cryptography, and nothing of the server's.
 *
 * Says one line of JSON when it listens (`{"port"}`), and one for each request to a browser's address: what was asked, whether
 * the signature holds, the message as the browser reads it, and the status of the answer. It ends with its standard input.
 *
 *     POST /_control {"browser": "name", "answers": [...]}  makes a browser; answers its subscription, as `toJSON()` has it
 *     POST /_control {"key": "…"}                           the key that browsers subscribed with: others are refused (403)
 *
 * `answers` says what its address answers, one after the other and then 201: a status, or `{"status", "retry_after"}`, or
 * `"silence"`: it takes the message and closes the connection without a word.
 */
import { createDecipheriv, createECDH, createPublicKey, hkdfSync, randomBytes, verify } from 'node:crypto';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

/** The longest life that a signature may have, in seconds: a day. */
const LIFE_S_MAX = 86_400;
const RECORD_HEADER_BYTES = 21;
const TAG_BYTES = 16;

const base64url = (bytes) => Buffer.from(bytes).toString('base64url');

/** The message as the browser with these keys reads it (RFC 8188, one record; RFC 8291). */
export function decrypt(body, { ecdh, auth }) {
  const salt = body.subarray(0, 16);
  const recordBytes = body.readUInt32BE(16);
  const idBytes = body.readUInt8(20);
  const sender = body.subarray(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + idBytes);
  const record = body.subarray(RECORD_HEADER_BYTES + idBytes);
  if (record.length > recordBytes) throw new Error('more than one record');
  const derive = (secret, saltOf, info, length) => Buffer.from(hkdfSync('sha256', secret, saltOf, info, length));
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), ecdh.getPublicKey(), sender]);
  const secret = derive(ecdh.computeSecret(sender), auth, info, 32);
  const key = derive(secret, salt, 'Content-Encoding: aes128gcm\0', 16);
  const nonce = derive(secret, salt, 'Content-Encoding: nonce\0', 12);
  const cipher = createDecipheriv('aes-128-gcm', key, nonce);
  cipher.setAuthTag(record.subarray(-TAG_BYTES));
  const padded = Buffer.concat([cipher.update(record.subarray(0, -TAG_BYTES)), cipher.final()]);
  const end = padded.findLastIndex((byte) => byte !== 0);
  if (padded[end] !== 2) throw new Error('the last record ends with a 2');
  return padded.subarray(0, end);
}

/** The claims of a signature (RFC 8292); throws where it does not hold. */
export function checkSignature(header, audience, knownKey) {
  const [, token, key] = /^vapid t=([^,\s]+), ?k=([\w-]+)$/.exec(header ?? '') ?? [];
  if (!token) throw new Error('no signature');
  if (knownKey && key !== knownKey) throw new Error('another key than the browser subscribed with');
  const point = Buffer.from(key, 'base64url');
  const jwk = { kty: 'EC', crv: 'P-256', x: base64url(point.subarray(1, 33)), y: base64url(point.subarray(33)) };
  const [head, claims, signature] = token.split('.');
  const holds = verify('sha256', Buffer.from(`${head}.${claims}`), { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'));
  if (!holds) throw new Error('the signature does not hold');
  const read = (part) => JSON.parse(Buffer.from(part, 'base64url'));
  if (read(head).alg !== 'ES256') throw new Error('another algorithm');
  const said = read(claims);
  const left = said.exp - Date.now() / 1_000;
  if (said.aud !== audience) throw new Error(`for ${said.aud}, not ${audience}`);
  if (!(left > 0 && left <= LIFE_S_MAX)) throw new Error(`good for ${left} s`);
  if (!/^(mailto:|https:)/.test(said.sub)) throw new Error('nobody to ask');
  return said;
}

/** Serves; `heard` is given each request. Answers the server. */
export function pushService(heard) {
  const browsers = new Map();
  let knownKey;

  function make({ browser = 'browser', answers = [] }, origin) {
    const ecdh = createECDH('prime256v1');
    ecdh.generateKeys();
    const auth = randomBytes(16);
    const path = `/send/${base64url(randomBytes(16))}`;
    browsers.set(path, { browser, answers: [...answers], ecdh, auth });
    return { endpoint: `${origin}${path}`, expirationTime: null, keys: { p256dh: base64url(ecdh.getPublicKey()), auth: base64url(auth) } };
  }

  function judge({ headers }, body, of, origin) {
    const wrong = [];
    const need = (name, pattern) => {
      if (!pattern.test(headers[name] ?? '')) wrong.push(`${name}: ${headers[name]}`);
    };
    need('ttl', /^\d+$/);
    need('urgency', /^(very-low|low|normal|high)$/);
    need('topic', /^[\w-]{1,32}$/);
    need('content-encoding', /^aes128gcm$/);
    let message;
    try {
      checkSignature(headers.authorization, origin, knownKey);
      message = JSON.parse(decrypt(body, of));
    } catch (error) {
      wrong.push(error.message);
    }
    return { message, wrong };
  }

  const server = createServer(async (request, response) => {
    const origin = `http://${request.headers.host}`;
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts);
    const answer = (status, said, headers = {}) => response.writeHead(status, headers).end(said === undefined ? undefined : JSON.stringify(said));
    if (request.url === '/_control') {
      const wish = JSON.parse(body);
      if (wish.key) knownKey = wish.key;
      return answer(200, wish.browser === undefined ? {} : make(wish, origin));
    }
    const of = browsers.get(request.url);
    if (!of || request.method !== 'POST') return answer(404);
    const { message, wrong } = judge(request, body, of, origin);
    const planned = of.answers.shift() ?? 201;
    const { status, retry_after: after } = typeof planned === 'object' ? planned : { status: planned };
    const given = wrong.length > 0 ? 403 : status;
    const { ttl, urgency, topic } = request.headers;
    heard({ browser: of.browser, message, wrong, status: given, ttl: Number(ttl), urgency, topic });
    if (given === 'silence') return request.socket.destroy();
    return answer(given, undefined, after === undefined ? {} : { 'Retry-After': String(after) });
  });
  return server;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
  const server = pushService(say);
  // A connection that is kept is not closed while its client sends on it.
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1', () => say({ port: server.address().port }));
  process.stdin.resume().on('end', () => process.exit(0));
}
