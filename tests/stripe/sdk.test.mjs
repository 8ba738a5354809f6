// Holds the stand-in to Stripe's own client (npm `stripe`): what the client sends is understood, what is answered is
// understood by the client, errors have the classes that the client makes of Stripe's, and signatures are those that it
// verifies.
//
//   node --test tests/stripe/sdk.test.mjs

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);
const require = createRequire(new URL('target/tools/stripe-sdk/', root));
const Stripe = require('stripe');
const SECRET = 'whsec_test';

let standIn;
let port;
let stripe;
let endpoint;
/** Webhooks as they came: body and signature. */
const heard = [];
let waiting = [];

async function tell(said) {
  const answer = await fetch(`http://127.0.0.1:${port}/_control`, { method: 'POST', body: JSON.stringify(said) });
  return answer.json();
}

async function books() {
  return (await fetch(`http://127.0.0.1:${port}/_control`)).json();
}

/** The next webhook of this type, also one that came already. */
async function webhook(type) {
  for (;;) {
    const at = heard.findIndex((one) => JSON.parse(one.body).type === type);
    if (at >= 0) {
      return heard.splice(at, 1)[0];
    }
    await new Promise((resolve) => waiting.push(resolve));
  }
}

function intent(more = {}) {
  return stripe.paymentIntents.create({
    amount: 4500, currency: 'eur', capture_method: 'manual', metadata: { booking: 'b', attempt: 'a' }, ...more,
  });
}

before(async () => {
  standIn = spawn(process.execPath, [fileURLToPath(new URL('server.mjs', import.meta.url))], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = await once(standIn.stdout, 'data');
  port = JSON.parse(line).port;
  stripe = new Stripe('sk_test_123', { host: '127.0.0.1', port, protocol: 'http', maxNetworkRetries: 0, telemetry: false });
  endpoint = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) {
      body += part;
    }
    heard.push({ body, signature: request.headers['stripe-signature'] });
    waiting.splice(0).forEach((go) => go());
    response.end('{}');
  }).listen(0, '127.0.0.1');
  await once(endpoint, 'listening');
  await tell({ webhooks: [{ url: `http://127.0.0.1:${endpoint.address().port}/`, secret: SECRET }] });
});

after(() => {
  standIn.stdin.end();
  endpoint.close();
  endpoint.closeAllConnections();
});

test('a card is authorised, captured once, and has a fee', async () => {
  const made = await intent();
  assert.equal(made.status, 'requires_payment_method');
  const held = await stripe.paymentIntents.confirm(made.id, { payment_method: 'pm_card_visa', return_url: 'https://example.org' });
  assert.deepEqual([held.status, held.amount_capturable], ['requires_capture', 4500]);
  await assert.rejects(stripe.paymentIntents.capture(made.id, { amount_to_capture: 4501 }), { code: 'amount_too_large' });
  const paid = await stripe.paymentIntents.capture(made.id, { expand: ['latest_charge.balance_transaction'] });
  assert.equal(paid.status, 'succeeded');
  assert.deepEqual(paid.metadata, { booking: 'b', attempt: 'a' });
  assert.equal(paid.latest_charge.balance_transaction.fee, 68 + 25);
  await assert.rejects(stripe.paymentIntents.capture(made.id), (error) => {
    assert.ok(error instanceof Stripe.errors.StripeInvalidRequestError);
    assert.equal(error.code, 'payment_intent_unexpected_state');
    assert.equal(error.payment_intent.status, 'succeeded');
    return true;
  });
  await assert.rejects(stripe.paymentIntents.cancel(made.id), { code: 'payment_intent_unexpected_state' });
});

test('a declined card leaves the intent open for another one', async () => {
  const made = await intent();
  await assert.rejects(stripe.paymentIntents.confirm(made.id, { payment_method: 'pm_card_chargeDeclined' }), (error) => {
    assert.ok(error instanceof Stripe.errors.StripeCardError);
    assert.equal(error.decline_code, 'generic_decline');
    return true;
  });
  const found = await stripe.paymentIntents.retrieve(made.id);
  assert.deepEqual([found.status, found.last_payment_error.code], ['requires_payment_method', 'card_declined']);
  const paid = await stripe.paymentIntents.confirm(made.id, { payment_method: 'pm_card_visa' });
  assert.equal(paid.status, 'requires_capture');
});

test('3-D Secure sends the buyer to the bank, who approves or refuses', async () => {
  for (const [proof, status] of [['approve', 'requires_capture'], ['refuse', 'requires_payment_method']]) {
    const made = await intent();
    const asked = await stripe.paymentIntents.confirm(made.id, {
      payment_method: 'pm_card_threeDSecure2Required', return_url: 'https://example.org/back',
    });
    assert.equal(asked.status, 'requires_action');
    const url = asked.next_action.redirect_to_url.url;
    const back = await fetch(`${url}?proof=${proof}`, { redirect: 'manual' });
    assert.equal(back.headers.get('location'), 'https://example.org/back');
    assert.equal((await stripe.paymentIntents.retrieve(made.id)).status, status);
  }
});

test('a payment that is worked on ends later', async () => {
  const made = await intent({ capture_method: 'automatic' });
  const working = await stripe.paymentIntents.confirm(made.id, { payment_method: 'pm_card_processing' });
  assert.equal(working.status, 'processing');
  await assert.rejects(stripe.paymentIntents.cancel(made.id), { code: 'payment_intent_unexpected_state' });
  await tell({ act: { intent: made.id, processed: 'succeeds' } });
  assert.equal((await stripe.paymentIntents.retrieve(made.id)).status, 'succeeded');
});

test('an authorisation lapses after seven days', async () => {
  const made = await intent({ confirm: true, payment_method: 'pm_card_visa' });
  await tell({ advance_s: 7 * 24 * 3600 + 1 });
  await assert.rejects(stripe.paymentIntents.capture(made.id), { code: 'payment_intent_unexpected_state' });
  assert.equal((await stripe.paymentIntents.retrieve(made.id)).cancellation_reason, 'automatic');
  await tell({ advance_s: -(7 * 24 * 3600 + 1) });
});

test('a key makes one thing, and only of one request', async () => {
  const key = { idempotencyKey: 'attempt-1' };
  const body = { amount: 500, currency: 'eur' };
  const first = await stripe.paymentIntents.create(body, key);
  const again = await stripe.paymentIntents.create(body, key);
  assert.equal(again.id, first.id);
  assert.equal(again.lastResponse.headers['idempotent-replayed'], 'true');
  await assert.rejects(stripe.paymentIntents.create({ ...body, amount: 501 }, key), (error) => {
    assert.ok(error instanceof Stripe.errors.StripeIdempotencyError);
    return true;
  });
});

test('what is not there, not known or not a number is refused', async () => {
  await assert.rejects(stripe.paymentIntents.retrieve('pi_none'), { code: 'resource_missing', statusCode: 404 });
  await assert.rejects(stripe.paymentIntents.create({ amount: 500, currency: 'eur', colour: 'red' }), { code: 'parameter_unknown' });
  await assert.rejects(stripe.paymentIntents.create({ amount: 'abc', currency: 'eur' }), { code: 'parameter_invalid_integer' });
  await assert.rejects(stripe.paymentIntents.create({ amount: 0, currency: 'eur' }), { code: 'parameter_invalid_integer' });
  await assert.rejects(stripe.paymentIntents.create({ amount: 49, currency: 'eur' }), { code: 'amount_too_small' });
  const stranger = new Stripe('nothing', { host: '127.0.0.1', port, protocol: 'http', maxNetworkRetries: 0 });
  await assert.rejects(stranger.paymentIntents.retrieve('pi_none'), { statusCode: 401 });
});

test('money goes back in parts, and never more than came', async () => {
  const made = await intent({ capture_method: 'automatic', confirm: true, payment_method: 'pm_card_visa' });
  const part = await stripe.refunds.create({ payment_intent: made.id, amount: 1500, reason: 'requested_by_customer' });
  assert.equal(part.status, 'succeeded');
  await assert.rejects(stripe.refunds.create({ payment_intent: made.id, amount: 3001 }), { code: 'amount_too_large' });
  await stripe.refunds.create({ payment_intent: made.id });
  await assert.rejects(stripe.refunds.create({ payment_intent: made.id }), { code: 'charge_already_refunded' });
  const charge = await stripe.charges.retrieve(made.latest_charge);
  assert.deepEqual([charge.amount_refunded, charge.refunded], [4500, true]);
});

test('a refund that was pending may fail, and the money is there again', async () => {
  const made = await intent({ capture_method: 'automatic', confirm: true, payment_method: 'pm_card_visa' });
  await tell({ refunds: 'pending' });
  const refund = await stripe.refunds.create({ payment_intent: made.id });
  await tell({ refunds: 'succeeded' });
  assert.equal(refund.status, 'pending');
  await tell({ refund: refund.id, ends: 'failed' });
  assert.equal((await stripe.refunds.retrieve(refund.id)).status, 'failed');
  assert.equal((await stripe.charges.retrieve(made.latest_charge)).amount_refunded, 0);
});

test('a dispute takes the money and a won one brings it back', async () => {
  const made = await intent({ capture_method: 'automatic', confirm: true, payment_method: 'pm_card_visa' });
  const dispute = await tell({ dispute: made.id });
  assert.equal((await stripe.disputes.retrieve(dispute.id)).status, 'needs_response');
  await tell({ dispute_closed: dispute.id, status: 'won' });
  const { balance_transactions: moved } = await stripe.disputes.retrieve(dispute.id);
  assert.deepEqual(moved.map((one) => [one.amount, one.fee]), [[-4500, 1500], [4500, 0]]);
});

test('webhooks are signed, forged ones are not, and old ones say so', async () => {
  const made = await intent({ capture_method: 'automatic', confirm: true, payment_method: 'pm_card_visa', description: 'signed' });
  let got;
  do {
    got = await webhook('payment_intent.succeeded');
  } while (JSON.parse(got.body).data.object.id !== made.id);
  const event = stripe.webhooks.constructEvent(got.body, got.signature, SECRET);
  assert.equal(event.data.object.status, 'succeeded');
  assert.throws(() => stripe.webhooks.constructEvent(got.body, got.signature, 'whsec_other'));
  for (const options of [{ secret: 'whsec_forged' }, { ahead_s: -301 }]) {
    heard.length = 0;
    await tell({ resend: event.id, ...options });
    const { body, signature } = await webhook('payment_intent.succeeded');
    assert.throws(() => stripe.webhooks.constructEvent(body, signature, SECRET));
  }
});

test('webhooks can be held back and come in another order', async () => {
  await tell({ delivery: 'hold' });
  heard.length = 0;
  const made = await intent({ capture_method: 'automatic', confirm: true, payment_method: 'pm_card_visa' });
  assert.equal(heard.length, 0);
  await tell({ delivery: 'send' });
  await tell({ release: 'reversed' });
  const types = heard.map((one) => JSON.parse(one.body)).map((event) => event.type);
  assert.deepEqual(types, ['payment_intent.succeeded', 'charge.captured', 'payment_intent.created']);
  assert.equal((await stripe.events.list({ type: 'payment_intent.succeeded', limit: 1 })).data[0].data.object.id, made.id);
});

test('faults come before and after the effect, and one key survives them', async () => {
  const key = { idempotencyKey: 'faulty' };
  const body = { amount: 700, currency: 'eur' };
  for (const does of ['429', '500_before', 'cut_before', 'cut_after']) {
    // The client sends once more by itself where a connection was closed.
    const times = does.startsWith('cut') ? 2 : 1;
    await tell({ faults: [{ on: 'POST /v1/payment_intents', does, times }] });
    await assert.rejects(stripe.paymentIntents.create(body, key), (error) => error instanceof Stripe.errors.StripeError);
  }
  const made = await stripe.paymentIntents.create(body, key);
  const { payment_intents: all } = await books();
  assert.deepEqual(all.filter((one) => one.amount === 700).map((one) => one.id), [made.id]);
});

test('an error after the effect is kept under its key for a day', async () => {
  const key = { idempotencyKey: 'sorry' };
  const body = { amount: 710, currency: 'eur' };
  const create = () => stripe.paymentIntents.create(body, key);
  const mades = async () => (await books()).payment_intents.filter((one) => one.amount === 710).map((one) => one.id);
  await tell({ faults: [{ on: 'POST /v1/payment_intents', does: '500_after' }] });
  await assert.rejects(create(), Stripe.errors.StripeAPIError);
  await assert.rejects(create(), Stripe.errors.StripeAPIError);
  assert.equal((await mades()).length, 1);
  await tell({ advance_s: 24 * 3600 });
  const made = await create();
  assert.equal((await mades()).indexOf(made.id), 1);
});

test('a means of payment that cannot be set aside is taken at once', async () => {
  await assert.rejects(intent({ payment_method_types: ['ideal'] }), { type: 'StripeInvalidRequestError', param: 'capture_method' });
  await assert.rejects(intent({ payment_method_types: ['cowrie_shells'] }), { type: 'StripeInvalidRequestError' });
  const made = await intent({ capture_method: 'automatic', payment_method_types: ['ideal'] });
  await tell({ act: { intent: made.id, card: '4242424242424242' } });
  const paid = await stripe.paymentIntents.retrieve(made.id, { expand: ['latest_charge'] });
  assert.deepEqual([paid.status, paid.latest_charge.payment_method_details.type], ['succeeded', 'ideal']);
});

test('customers keep a card', async () => {
  const customer = await stripe.customers.create({ email: 'ada@example.org', metadata: { user: '7' } });
  const method = await stripe.paymentMethods.create({ type: 'card', card: { number: '4242424242424242' } });
  await stripe.paymentMethods.attach(method.id, { customer: customer.id });
  const made = await intent({ customer: customer.id, payment_method: method.id, confirm: true });
  assert.deepEqual([made.status, made.customer], ['requires_capture', customer.id]);
});
