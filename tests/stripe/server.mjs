// A payment provider for tests that behaves as Stripe does, outside of the server that is tested. Node, no packages.
//
//   node tests/stripe/server.mjs [port]      prints {"port": …} once it listens
//
// Its rules are in `books.mjs`, test cards in `cards.mjs`, events and their delivery in `webhooks.mjs`. What a test may
// say to it is `POST /_control` with one of:
//
//   {"webhooks": [{"url", "secret"}]}              where events go
//   {"delivery": "send" | "double" | "hold" | "drop"}, {"release": "as_happened" | "reversed"}
//   {"resend": "evt_…", "secret"?, "ahead_s"?}     once more; with another secret it is forged, with a time it is old
//   {"forge": {type, object}, "secret"?}           an event that never happened here
//   {"act": {"intent", "card" | "proof" | "processed"}}   the buyer and the bank: `proof` approve or refuse, `processed` succeeds or fails
//   {"advance_s": n}                               the clock goes on: authorisations lapse
//   {"refunds": "succeeded" | "pending"}, {"refund": "re_…", "ends": "succeeded" | "failed", "even_if_succeeded"?}
//   {"fees": "follow" | "known"}                   whether charges say their fees only later
//   {"refund_intent": "pi_…", "amount"?}           somebody refunds at the provider's own page
//   {"dispute": "pi_…", "amount"?}, {"dispute_closed": "dp_…", "status": "won" | "lost"}
//   {"tamper": {"intent", …members}}               what must not be: another amount, currency or metadata
//   {"faults": [{"on": "POST /v1/refunds", "does", "times", "ms"?}]}
//       does: `404`, `429`, `500_before`, `500_after`, `slow`, `silent`, `cut_before`, `cut_after`. The error of `500_after` is the
//       answer under the request's key from then on, as Stripe keeps it.
//
// `GET /_control` gives the books, the events, the deliveries and the requests that came.

import { createServer } from 'node:http';
import { createHash, randomBytes } from 'node:crypto';
import { Books, list } from './books.mjs';
import { StripeError, notFound } from './errors.mjs';
import { parseForm } from './form.mjs';
import { API_VERSION, Webhooks } from './webhooks.mjs';

const BODY_BYTES_MAX = 64 * 1024;
const SLOW_MS = 2_000;
/** How long an answer is kept under its key. */
const KEY_S = 24 * 3600;
const SORRY = { status: 500, body: { error: { type: 'api_error', message: 'Sorry' } } };
const PAGE = 10;
const PAGE_MAX = 100;

const books = new Books((type, object) => webhooks.happened(type, object));
const webhooks = new Webhooks(() => books.now());
/** By key: the request that came with it, and its answer once there is one. */
const idempotency = new Map();
const requests = [];
let faults = [];

/** Method, path, and what it does with the parts of the path and the body. */
const ROUTES = [
  ['POST', '/v1/customers', (_, body) => books.createCustomer(body)],
  ['GET', '/v1/customers/:id', ([id]) => books.find('customer', id)],
  ['POST', '/v1/payment_methods', (_, body) => books.createMethod(body)],
  ['POST', '/v1/payment_methods/:id/attach', ([id], body) => books.attachMethod(id, body)],
  ['POST', '/v1/payment_intents', (_, body) => books.createIntent(body)],
  ['GET', '/v1/payment_intents', (_, query) => page(books.intents.values(), query)],
  ['GET', '/v1/payment_intents/:id', ([id]) => lapsed(id)],
  ['POST', '/v1/payment_intents/:id', ([id], body) => books.updateIntent(id, body)],
  ['POST', '/v1/payment_intents/:id/confirm', ([id], body) => books.confirmIntent(id, body)],
  ['POST', '/v1/payment_intents/:id/capture', ([id], body) => books.captureIntent(id, body)],
  ['POST', '/v1/payment_intents/:id/cancel', ([id], body) => books.cancelIntent(id, body)],
  ['GET', '/v1/charges/:id', ([id]) => books.find('charge', id)],
  ['GET', '/v1/charges', (_, query) => page([...books.charges.values()].filter((one) => of(one, query)), query)],
  ['POST', '/v1/refunds', (_, body) => books.createRefund(body)],
  ['GET', '/v1/refunds', (_, query) => page([...books.refunds.values()].filter((one) => of(one, query)), query)],
  ['GET', '/v1/refunds/:id', ([id]) => books.find('refund', id)],
  ['GET', '/v1/balance_transactions/:id', ([id]) => books.find('balance_transaction', id)],
  ['GET', '/v1/balance_transactions', (_, query) => page(books.transactions.values(), query)],
  ['GET', '/v1/disputes', (_, query) => page([...books.disputes.values()].filter((one) => of(one, query)), query)],
  ['GET', '/v1/disputes/:id', ([id]) => books.find('dispute', id)],
  ['GET', '/v1/events', (_, query) => page(webhooks.events.filter((one) => wanted(one, query)), query)],
  ['GET', '/v1/events/:id', ([id]) => event(id)],
];

function of(one, query) {
  return (!query.payment_intent || one.payment_intent === query.payment_intent) && (!query.charge || one.charge === query.charge);
}

function wanted(event, { type, types, created }) {
  return (!type || event.type === type) && (!types || types.includes(event.type)) && event.created >= Number(created?.gte ?? 0);
}

function lapsed(id) {
  books.lapse();
  return books.find('payment_intent', id);
}

function event(id) {
  const found = webhooks.events.find((one) => one.id === id);
  if (!found) {
    throw notFound('event', id);
  }
  return found;
}

/** The newest first, as Stripe lists. */
function page(all, query) {
  const newest = [...all].reverse();
  const limit = Math.min(Number(query.limit ?? PAGE), PAGE_MAX);
  const after = query.starting_after ? newest.findIndex((one) => one.id === query.starting_after) + 1 : 0;
  const data = newest.slice(after, after + limit);
  return { object: 'list', data, has_more: after + limit < newest.length, url: query.url };
}

function route(method, path) {
  for (const [of_method, pattern, handler] of ROUTES) {
    const names = new RegExp(`^${pattern.replace(/:id/g, '([^/]+)')}$`).exec(path);
    if (of_method === method && names) {
      return { handler, parts: names.slice(1), pattern };
    }
  }
  throw new StripeError(404, 'url_invalid', `Unrecognized request URL (${method}: ${path}).`);
}

/** The fault that this request meets, once less afterwards. */
function fault(method, path) {
  const found = faults.find((one) => one.times > 0 && new RegExp(`^${one.on}$`).test(`${method} ${path}`));
  if (found) {
    found.times -= 1;
  }
  return found;
}

function authorize(request) {
  const [scheme, given = ''] = String(request.headers.authorization ?? '').split(' ');
  const key = scheme === 'Basic' ? Buffer.from(given, 'base64').toString().split(':')[0] : given;
  if (!/^[sr]k_test_\w+$/.test(key)) {
    throw new StripeError(401, 'api_key_invalid', 'Invalid API Key provided.');
  }
}

/** Does a request once for each key; `effect` is what it does. With `fails` it is answered, and kept, as an error. */
function once(request, path, text, fails, effect) {
  const key = request.headers['idempotency-key'];
  if (request.method !== 'POST' || key === undefined) {
    const done = attempt(effect);
    return { ...(fails ? SORRY : done), replayed: false };
  }
  const hash = createHash('sha256').update(`${path}\n${text}`).digest('hex');
  const kept = idempotency.get(key);
  const known = kept && kept.at + KEY_S > books.now() ? kept : undefined;
  if (known && known.hash !== hash) {
    const message = 'Keys for idempotent requests can only be used with the same parameters they were first used with.';
    const body = { error: { type: 'idempotency_error', message } };
    return { status: 400, body, replayed: false };
  }
  if (known?.answer) {
    return { ...known.answer, replayed: true };
  }
  if (known) {
    const body = { error: { type: 'idempotency_error', code: 'idempotency_key_in_use', message: 'Another request with this key is running.' } };
    return { status: 409, body, replayed: false };
  }
  const at = books.now();
  idempotency.set(key, { hash, at });
  const done = attempt(effect);
  const answer = fails ? SORRY : done;
  // A request that was refused before it began leaves its key free, as with Stripe.
  const code = String(answer.body.error?.code ?? '');
  if (answer.status === 401 || code.startsWith('parameter_')) {
    idempotency.delete(key);
  } else {
    idempotency.set(key, { hash, at, answer });
  }
  return { ...answer, replayed: false };
}

function attempt(effect) {
  try {
    return { status: 200, body: structuredClone(effect()) };
  } catch (error) {
    if (error instanceof StripeError) {
      return { status: error.status, body: structuredClone(error.body) };
    }
    throw error;
  }
}

async function api(request, response, url, text) {
  const path = url.pathname;
  const met = fault(request.method, path);
  if (met?.does === '429') {
    return answer(response, 429, { error: { type: 'invalid_request_error', code: 'rate_limit', message: 'Too many requests' } }, { 'Stripe-Should-Retry': 'true' });
  }
  if (met?.does === '404') {
    return answer(response, 404, { error: { type: 'invalid_request_error', code: 'resource_missing', message: 'No such object' } });
  }
  if (met?.does === '500_before') {
    return answer(response, SORRY.status, SORRY.body);
  }
  if (met?.does === 'cut_before') {
    return request.socket.destroy();
  }
  if (met?.does === 'silent') {
    return undefined;
  }
  if (met?.does === 'slow') {
    await new Promise((resolve) => setTimeout(resolve, met.ms ?? SLOW_MS));
  }
  const outcome = once(request, path, text, met?.does === '500_after', () => {
    authorize(request);
    const { handler, parts } = route(request.method, path);
    const given = request.method === 'POST' ? parseForm(text) : { ...parseForm(url.search.slice(1)), url: path };
    const made = handler(parts, given);
    return made.object === 'list' ? expandList(made, given) : books.expanded(made, list(given.expand));
  });
  if (met?.does === 'cut_after') {
    return request.socket.destroy();
  }
  return answer(response, outcome.status, outcome.body, outcome.replayed ? { 'Idempotent-Replayed': 'true' } : {});
}

function expandList(made, given) {
  const paths = list(given.expand).map((path) => path.replace(/^data\./, ''));
  return { ...made, data: made.data.map((one) => books.expanded(one, paths)) };
}

function answer(response, status, body, headers = {}) {
  const text = JSON.stringify(body);
  const own = { 'Content-Type': 'application/json', 'Request-Id': `req_${randomBytes(7).toString('hex')}`, 'Stripe-Version': API_VERSION };
  response.writeHead(status, { ...own, ...headers });
  response.end(text);
}

async function control(said) {
  if (said.webhooks) webhooks.endpoints = said.webhooks;
  if (said.delivery) webhooks.mode = said.delivery;
  if (said.advance_s) books.ahead_s += said.advance_s;
  if (said.fees) books.feesFollow = said.fees === 'follow';
  if (said.refunds) books.refundsEnd = said.refunds;
  if (said.faults) faults = said.faults.map((one) => ({ times: 1, ...one }));
  if (said.advance_s) books.lapse();
  if (said.release) return webhooks.release(said.release);
  if (said.act) return attempt(() => books.act(said.act)).body;
  if (said.refund) return books.endRefund(said.refund, said.ends, said.even_if_succeeded);
  if (said.refund_intent) return books.createRefund({ payment_intent: said.refund_intent, ...(said.amount && { amount: String(said.amount) }) });
  if (said.dispute) return books.openDispute(said.dispute, said.amount);
  if (said.dispute_closed) return books.closeDispute(said.dispute_closed, said.status);
  if (said.tamper) {
    const { intent, ...members } = said.tamper;
    return Object.assign(books.find('payment_intent', intent), members);
  }
  if (said.resend) return { statuses: await webhooks.send(event(said.resend), { tries: 1, ...said }) };
  if (said.forge) {
    const { type, object } = said.forge;
    const made = {
      id: `evt_${randomBytes(12).toString('hex')}`, object: 'event', api_version: API_VERSION, created: books.now(),
      data: { object }, livemode: false, pending_webhooks: 1, type,
    };
    return { statuses: await webhooks.send(made, { tries: 1, ...said }) };
  }
  return {};
}

function read(request) {
  return new Promise((resolve, reject) => {
    const parts = [];
    let bytes = 0;
    request.on('data', (part) => {
      bytes += part.length;
      bytes > BODY_BYTES_MAX ? reject(new Error('the body is too large')) : parts.push(part);
    });
    request.on('end', () => resolve(Buffer.concat(parts).toString()));
    request.on('error', reject);
  });
}

/** The page of the card's bank: what a browser is sent to for 3-D Secure. */
function secure(response, url) {
  const id = url.pathname.split('/')[2];
  const intent = books.find('payment_intent', id);
  const back = intent.next_action?.redirect_to_url?.return_url;
  const proof = url.searchParams.get('proof');
  if (proof === null) {
    response.writeHead(200, { 'Content-Type': 'text/html' });
    return response.end('<a href="?proof=approve">approve</a> <a href="?proof=refuse">refuse</a>');
  }
  attempt(() => books.act({ intent: id, proof }));
  response.writeHead(303, { Location: back ?? '/' });
  return response.end();
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://localhost');
  try {
    const text = await read(request);
    if (url.pathname === '/_control') {
      if (request.method === 'GET') {
        const { events, deliveries, held } = webhooks;
        return answer(response, 200, { ...books.all(), events, deliveries, held: held.length, requests });
      }
      return answer(response, 200, (await control(JSON.parse(text))) ?? {});
    }
    if (url.pathname.startsWith('/3ds/')) {
      return secure(response, url);
    }
    requests.push({ method: request.method, path: url.pathname, key: request.headers['idempotency-key'] ?? null, version: request.headers['stripe-version'] ?? null });
    return await api(request, response, url, text);
  } catch (error) {
    const known = error instanceof StripeError;
    return answer(response, known ? error.status : 500, known ? error.body : { error: { type: 'api_error', message: String(error) } });
  }
});

// A connection that is kept is not closed while its client sends on it.
server.keepAliveTimeout = 0;
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  const { port } = server.address();
  books.base = `http://127.0.0.1:${port}`;
  console.log(JSON.stringify({ port }));
});
// It ends with the test that started it.
process.stdin.on('end', () => process.exit(0)).resume();
