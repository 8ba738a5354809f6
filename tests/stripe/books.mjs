// The books of the stand-in: intents, charges, refunds, balance transactions, disputes, customers. Rules and no HTTP.
//
// Each rule that a money test leans on is Stripe's: an intent moves along its states and nowhere else; money is taken
// once and given back at most once; an answer names the charge, the charge its balance transaction, that one its fee.

import { randomBytes } from 'node:crypto';
import { card, cardNamed } from './cards.mjs';
import { StripeError, notFound } from './errors.mjs';
import { checkKnown, integer, list } from './form.mjs';

// Smallest amounts, in Stripe's units; 50 for all others. What Stripe names none for has to be worth half a dollar, about.
const MINIMUM = { jpy: 50, thb: 1000, gbp: 30, usd: 50, eur: 50, isk: 7_000, ugx: 190_000, mga: 2_300 };
// Amounts are multiples of these: krónur and shillings have two decimals here that are always 0, dinars a third one.
const STEPS = { isk: 100, ugx: 100, bhd: 10, iqd: 10, jod: 10, kwd: 10, lyd: 10, omr: 10, tnd: 10 };
// The fee of a charge: 1.5 % and 25 units.
const FEE_BASIS_POINTS = 150;
const FEE_FIXED = 25;
// An authorisation lapses after seven days.
const CAPTURE_WINDOW_S = 7 * 24 * 3600;
const DISPUTE_FEE = 1500;

// Means of payment, and whether their money can be set aside first.
const METHODS = { card: true, klarna: true, link: true, ideal: false, sepa_debit: false };

const INTENT_PARAMETERS = [
  'amount', 'currency', 'metadata', 'capture_method', 'confirm', 'confirmation_method', 'customer', 'description',
  'payment_method', 'payment_method_data', 'payment_method_types', 'payment_method_options', 'automatic_payment_methods',
  'return_url', 'receipt_email', 'statement_descriptor_suffix', 'expand', 'setup_future_usage', 'off_session',
];

export class Books {
  constructor(changed) {
    this.intents = new Map();
    this.charges = new Map();
    this.refunds = new Map();
    this.transactions = new Map();
    this.disputes = new Map();
    this.customers = new Map();
    this.methods = new Map();
    this.ahead_s = 0;
    /** The outcome of refunds: `succeeded`, or `pending` until the control path says how they end. */
    this.refundsEnd = 'succeeded';
    /** Whether charges keep their balance transactions, and so their fees, to themselves for now. */
    this.feesFollow = false;
    /** Called with the type of event and its object. */
    this.changed = changed;
  }

  now() {
    return Math.floor(Date.now() / 1000) + this.ahead_s;
  }

  id(prefix) {
    return `${prefix}_${randomBytes(12).toString('hex')}`;
  }

  find(kind, id) {
    const shelves = {
      payment_intent: this.intents, charge: this.charges, refund: this.refunds, balance_transaction: this.transactions,
      dispute: this.disputes, customer: this.customers, payment_method: this.methods,
    };
    const found = shelves[kind].get(id);
    if (!found) {
      throw notFound(kind, id);
    }
    return found;
  }

  // Customers and payment methods.

  createCustomer(given) {
    checkKnown(given, ['email', 'name', 'phone', 'description', 'metadata', 'payment_method', 'expand']);
    const made = {
      id: this.id('cus'), object: 'customer', created: this.now(), livemode: false,
      email: given.email ?? null, name: given.name ?? null, phone: given.phone ?? null,
      description: given.description ?? null, metadata: { ...given.metadata },
    };
    this.customers.set(made.id, made);
    this.changed('customer.created', made);
    return made;
  }

  createMethod(given) {
    checkKnown(given, ['type', 'card', 'billing_details', 'metadata', 'expand']);
    if (given.type !== 'card') {
      throw new StripeError(400, 'parameter_invalid', `Invalid type: ${given.type}`, { param: 'type' });
    }
    const known = given.card?.token ? cardNamed(given.card.token.replace(/^tok_/, 'pm_card_')) : card(given.card?.number);
    if (!known) {
      throw new StripeError(402, 'incorrect_number', 'Your card number is incorrect.', { type: 'card_error' });
    }
    const made = {
      id: this.id('pm'), object: 'payment_method', type: 'card', created: this.now(), customer: null, livemode: false,
      card: { brand: known.brand ?? 'visa', last4: known.number.slice(-4), exp_month: 12, exp_year: 2034 }, metadata: { ...given.metadata },
    };
    this.methods.set(made.id, made);
    made.number = known.number;
    Object.defineProperty(made, 'number', { enumerable: false });
    return made;
  }

  attachMethod(id, given) {
    checkKnown(given, ['customer', 'expand']);
    const method = this.find('payment_method', id);
    method.customer = this.find('customer', given.customer).id;
    return method;
  }

  cardOf(given) {
    if (given.payment_method_data) {
      return card(given.payment_method_data.card?.number);
    }
    const method = this.methods.get(given.payment_method);
    return method ? card(method.number) : cardNamed(given.payment_method);
  }

  // Payment intents.

  createIntent(given) {
    checkKnown(given, INTENT_PARAMETERS);
    for (const name of ['amount', 'currency']) {
      if (given[name] === undefined) {
        throw new StripeError(400, 'parameter_missing', `Missing required param: ${name}.`, { param: name });
      }
    }
    const currency = String(given.currency);
    if (!/^[a-z]{3}$/.test(currency)) {
      throw new StripeError(400, 'parameter_invalid', `Invalid currency: ${currency}`, { param: 'currency' });
    }
    const amount = this.amount(given, currency);
    const capture = given.capture_method ?? 'automatic_async';
    if (!['automatic', 'automatic_async', 'manual'].includes(capture)) {
      throw new StripeError(400, 'parameter_invalid', 'Invalid capture_method', { param: 'capture_method' });
    }
    if (given.return_url !== undefined && given.confirm !== 'true') {
      const message = 'return_url may only be set when confirm=true.';
      throw new StripeError(400, 'parameter_unknown', message, { param: 'return_url' });
    }
    if (given.customer) {
      this.find('customer', given.customer);
    }
    const types = given.payment_method_types === undefined ? ['card'] : list(given.payment_method_types);
    for (const type of types) {
      if (!(type in METHODS)) {
        const message = `The payment method type "${type}" is invalid.`;
        throw new StripeError(400, 'parameter_invalid', message, { param: 'payment_method_types' });
      }
      if (capture === 'manual' && !METHODS[type]) {
        const message = `The payment method type "${type}" does not support manual capture.`;
        throw new StripeError(400, 'parameter_invalid', message, { param: 'capture_method' });
      }
    }
    const id = this.id('pi');
    const intent = {
      id, object: 'payment_intent', amount, amount_capturable: 0, amount_received: 0, currency, livemode: false,
      capture_method: capture, client_secret: `${id}_secret_${randomBytes(12).toString('hex')}`, created: this.now(),
      canceled_at: null, cancellation_reason: null, customer: given.customer ?? null, description: given.description ?? null,
      last_payment_error: null, latest_charge: null, metadata: { ...given.metadata }, next_action: null,
      payment_method: given.payment_method ?? null, payment_method_types: types, receipt_email: given.receipt_email ?? null,
      status: 'requires_payment_method',
    };
    this.intents.set(id, intent);
    this.changed('payment_intent.created', intent);
    if (given.payment_method || given.payment_method_data) {
      intent.status = 'requires_confirmation';
    }
    return given.confirm === 'true' ? this.confirmIntent(id, { ...given }, true) : intent;
  }

  amount(given, currency) {
    const amount = integer(given, 'amount');
    if (amount < 1) {
      throw new StripeError(400, 'parameter_invalid_integer', 'Amount must be at least 1.', { param: 'amount' });
    }
    this.whole(amount, currency);
    if (amount < (MINIMUM[currency] ?? 50)) {
      throw new StripeError(400, 'amount_too_small', 'Amount is below the minimum.', { param: 'amount' });
    }
    return amount;
  }

  /** Card networks know no part of a króna, and no thousandth of a dinar. */
  whole(amount, currency) {
    const step = STEPS[currency] ?? 1;
    if (amount % step !== 0) {
      const message = `Invalid amount. Amounts in ${currency} must be evenly divisible by ${step}.`;
      throw new StripeError(400, 'invalid_charge_amount_no_decimal_compatible', message, { param: 'amount' });
    }
  }

  updateIntent(id, given) {
    checkKnown(given, INTENT_PARAMETERS);
    const intent = this.find('payment_intent', id);
    if (given.amount !== undefined) {
      this.expect(intent, ['requires_payment_method', 'requires_confirmation', 'requires_action'], 'updated');
      intent.amount = this.amount(given, intent.currency);
    }
    Object.assign(intent.metadata, given.metadata);
    intent.description = given.description ?? intent.description;
    return intent;
  }

  expect(intent, states, verb) {
    if (!states.includes(intent.status)) {
      const message = `This PaymentIntent could not be ${verb} because it has a status of ${intent.status}.`;
      throw new StripeError(400, 'payment_intent_unexpected_state', message, { payment_intent: { ...intent } });
    }
  }

  confirmIntent(id, given, isNew = false) {
    if (!isNew) {
      checkKnown(given, ['payment_method', 'payment_method_data', 'return_url', 'expand', 'client_secret', 'off_session', 'receipt_email']);
    }
    const intent = this.find('payment_intent', id);
    this.expect(intent, ['requires_payment_method', 'requires_confirmation'], 'confirmed');
    const chosen = this.cardOf({ payment_method: intent.payment_method, ...given });
    if (!chosen) {
      const message = 'You cannot confirm this PaymentIntent because it is missing a payment method.';
      throw new StripeError(400, 'payment_intent_unexpected_state', message, { payment_intent: { ...intent } });
    }
    intent.payment_method = given.payment_method ?? intent.payment_method ?? this.id('pm');
    intent.last_payment_error = null;
    switch (chosen.does) {
      case 'declines':
        throw this.decline(intent, chosen.code);
      case 'asks': {
        intent.status = 'requires_action';
        const url = `${this.base}/3ds/${intent.id}`;
        const back = given.return_url ?? null;
        intent.next_action = { type: 'redirect_to_url', redirect_to_url: { url, return_url: back } };
        this.changed('payment_intent.requires_action', intent);
        return intent;
      }
      case 'processes':
        intent.status = 'processing';
        this.changed('payment_intent.processing', intent);
        return intent;
      default:
        return this.authorize(intent);
    }
  }

  decline(intent, code) {
    intent.status = 'requires_payment_method';
    intent.next_action = null;
    intent.payment_method = null;
    const charge = this.newCharge(intent, 'failed');
    charge.failure_code = 'card_declined';
    intent.last_payment_error = {
      type: 'card_error', code: 'card_declined', decline_code: code, message: 'Your card was declined.', charge: charge.id,
    };
    this.changed('charge.failed', charge);
    this.changed('payment_intent.payment_failed', intent);
    return new StripeError(402, 'card_declined', 'Your card was declined.', {
      type: 'card_error', decline_code: code, payment_intent: { ...intent },
    });
  }

  newCharge(intent, status) {
    const charge = {
      id: this.id('ch'), object: 'charge', amount: intent.amount, amount_captured: 0, amount_refunded: 0, livemode: false,
      balance_transaction: null, captured: false, created: this.now(), currency: intent.currency, customer: intent.customer,
      disputed: false, failure_code: null, metadata: { ...intent.metadata }, paid: status === 'succeeded',
      payment_intent: intent.id, payment_method: intent.payment_method, payment_method_details: { type: intent.payment_method_types[0] },
      refunded: false, status,
    };
    this.charges.set(charge.id, charge);
    intent.latest_charge = charge.id;
    return charge;
  }

  /** The card's bank agrees: the money is set aside, and taken at once where nobody captures by hand. */
  authorize(intent) {
    intent.next_action = null;
    const charge = this.newCharge(intent, 'succeeded');
    if (intent.capture_method === 'manual') {
      intent.status = 'requires_capture';
      intent.amount_capturable = intent.amount;
      this.changed('payment_intent.amount_capturable_updated', intent);
      return intent;
    }
    return this.take(intent, charge, intent.amount);
  }

  take(intent, charge, amount) {
    const fee = Math.round((amount * FEE_BASIS_POINTS) / 10_000) + FEE_FIXED;
    charge.captured = true;
    charge.amount_captured = amount;
    charge.balance_transaction = this.transact('charge', charge.id, amount, fee, intent.currency).id;
    intent.status = 'succeeded';
    intent.amount_received = amount;
    intent.amount_capturable = 0;
    this.changed('charge.captured', charge);
    this.changed('payment_intent.succeeded', intent);
    return intent;
  }

  transact(type, source, amount, fee, currency) {
    const made = {
      id: this.id('txn'), object: 'balance_transaction', amount, created: this.now(), currency, fee, net: amount - fee,
      fee_details: fee === 0 ? [] : [{ amount: fee, currency, type: 'stripe_fee' }], source, status: 'pending', type,
    };
    this.transactions.set(made.id, made);
    return made;
  }

  captureIntent(id, given) {
    checkKnown(given, ['amount_to_capture', 'metadata', 'expand', 'final_capture']);
    const intent = this.find('payment_intent', id);
    this.lapse();
    this.expect(intent, ['requires_capture'], 'captured');
    const amount = given.amount_to_capture === undefined ? intent.amount : integer(given, 'amount_to_capture');
    if (amount < 1 || amount > intent.amount_capturable) {
      throw new StripeError(400, 'amount_too_large', 'The amount exceeds what can be captured.', { param: 'amount_to_capture' });
    }
    this.whole(amount, intent.currency);
    return this.take(intent, this.find('charge', intent.latest_charge), amount);
  }

  cancelIntent(id, given) {
    checkKnown(given, ['cancellation_reason', 'expand']);
    const reason = given.cancellation_reason ?? null;
    if (reason !== null && !['duplicate', 'fraudulent', 'requested_by_customer', 'abandoned'].includes(reason)) {
      throw new StripeError(400, 'parameter_invalid', 'Invalid cancellation_reason', { param: 'cancellation_reason' });
    }
    const intent = this.find('payment_intent', id);
    this.expect(intent, ['requires_payment_method', 'requires_capture', 'requires_confirmation', 'requires_action'], 'canceled');
    return this.endIntent(intent, reason);
  }

  endIntent(intent, reason) {
    intent.status = 'canceled';
    intent.canceled_at = this.now();
    intent.cancellation_reason = reason;
    intent.next_action = null;
    intent.amount_capturable = 0;
    this.changed('payment_intent.canceled', intent);
    return intent;
  }

  /** Authorisations that nobody captured in time. */
  lapse() {
    for (const intent of this.intents.values()) {
      const charge = this.charges.get(intent.latest_charge);
      if (intent.status === 'requires_capture' && charge.created + CAPTURE_WINDOW_S <= this.now()) {
        this.endIntent(intent, 'automatic');
      }
    }
  }

  // Refunds.

  createRefund(given) {
    checkKnown(given, ['payment_intent', 'charge', 'amount', 'reason', 'metadata', 'expand']);
    const reason = given.reason ?? null;
    if (reason !== null && !['duplicate', 'fraudulent', 'requested_by_customer'].includes(reason)) {
      throw new StripeError(400, 'parameter_invalid', 'Invalid reason', { param: 'reason' });
    }
    const charge = given.charge
      ? this.find('charge', given.charge)
      : this.charges.get(this.find('payment_intent', given.payment_intent).latest_charge);
    if (!charge?.captured) {
      throw new StripeError(400, 'charge_not_refundable', 'This charge has nothing to refund.', { param: 'payment_intent' });
    }
    if ([...this.disputes.values()].some((one) => one.charge === charge.id && one.status !== 'won')) {
      throw new StripeError(400, 'charge_disputed', `Charge ${charge.id} has been charged back; cannot issue a refund.`);
    }
    const left = charge.amount_captured - charge.amount_refunded;
    if (left === 0) {
      throw new StripeError(400, 'charge_already_refunded', `Charge ${charge.id} has already been refunded.`);
    }
    const amount = given.amount === undefined ? left : integer(given, 'amount');
    if (amount < 1 || amount > left) {
      const message = `Refund amount (${amount}) is greater than unrefunded amount on charge (${left})`;
      throw new StripeError(400, 'amount_too_large', message, { param: 'amount' });
    }
    this.whole(amount, charge.currency);
    const refund = {
      id: this.id('re'), object: 'refund', amount, balance_transaction: null, charge: charge.id, created: this.now(),
      currency: charge.currency, failure_reason: undefined, metadata: { ...given.metadata },
      payment_intent: charge.payment_intent, reason, status: this.refundsEnd,
    };
    this.refunds.set(refund.id, refund);
    refund.balance_transaction = this.transact('refund', refund.id, -amount, 0, charge.currency).id;
    charge.amount_refunded += amount;
    charge.refunded = charge.amount_refunded === charge.amount_captured;
    this.changed('refund.created', refund);
    this.changed('charge.refunded', charge);
    return refund;
  }

  endRefund(id, status, evenIfSucceeded = false) {
    const refund = this.find('refund', id);
    if (refund.status !== 'pending' && !evenIfSucceeded) {
      throw new StripeError(400, 'refund_ended', 'This refund has ended.');
    }
    refund.status = status;
    if (status === 'failed') {
      const charge = this.charges.get(refund.charge);
      charge.amount_refunded -= refund.amount;
      charge.refunded = false;
      refund.failure_reason = 'expired_or_canceled_card';
      this.transact('refund_failure', refund.id, refund.amount, 0, refund.currency);
      this.changed('refund.failed', refund);
    }
    this.changed('refund.updated', refund);
    return refund;
  }

  // Disputes.

  /** `amount`: the cardholder disputes no more of it. */
  openDispute(intentId, amount) {
    const charge = this.charges.get(this.find('payment_intent', intentId).latest_charge);
    const dispute = {
      id: this.id('dp'), object: 'dispute', amount: amount ?? charge.amount_captured, balance_transactions: [], charge: charge.id,
      created: this.now(), currency: charge.currency, metadata: {}, payment_intent: intentId, reason: 'fraudulent',
      status: 'needs_response',
    };
    this.disputes.set(dispute.id, dispute);
    charge.disputed = true;
    this.changed('charge.dispute.created', dispute);
    dispute.balance_transactions.push(this.transact('adjustment', dispute.id, -dispute.amount, DISPUTE_FEE, dispute.currency));
    this.changed('charge.dispute.funds_withdrawn', dispute);
    return dispute;
  }

  closeDispute(id, status) {
    const dispute = this.find('dispute', id);
    dispute.status = status;
    if (status === 'won') {
      dispute.balance_transactions.push(this.transact('adjustment', dispute.id, dispute.amount, 0, dispute.currency));
      this.changed('charge.dispute.funds_reinstated', dispute);
    }
    this.changed('charge.dispute.closed', dispute);
    return dispute;
  }

  /** Steps of the buyer's browser and the card's bank: a card is given, 3-D Secure ends, a payment that was worked on ends. */
  act({ intent: id, card: number, proof, processed }) {
    const intent = this.find('payment_intent', id);
    if (number !== undefined) {
      const method = cardNamed(number) ? { payment_method: number } : { payment_method_data: { type: 'card', card: { number } } };
      return this.confirmIntent(id, method);
    }
    const [state, good] = proof === undefined ? ['processing', processed === 'succeeds'] : ['requires_action', proof === 'approve'];
    this.expect(intent, [state], 'continued');
    if (!good) {
      throw this.decline(intent, proof === undefined ? 'generic_decline' : 'authentication_required');
    }
    return this.authorize(intent);
  }

  /** `latest_charge` and the like in full, where the request asks for them. */
  expanded(object, paths) {
    const kinds = { latest_charge: 'charge', balance_transaction: 'balance_transaction', charge: 'charge', payment_intent: 'payment_intent', customer: 'customer' };
    const copy = { ...object };
    if (this.feesFollow && copy.object === 'charge') copy.balance_transaction = null;
    for (const path of paths) {
      const [first, ...rest] = path.split('.');
      if (!(first in kinds) || !(first in copy)) {
        throw new StripeError(400, 'parameter_invalid', `This property cannot be expanded (${first}).`, { param: 'expand' });
      }
      if (copy[first] !== null) {
        const whole = typeof copy[first] === 'object' ? copy[first] : this.find(kinds[first], copy[first]);
        copy[first] = this.expanded(whole, rest.length === 0 ? [] : [rest.join('.')]);
      }
    }
    return copy;
  }

  all() {
    const values = (shelf) => [...shelf.values()];
    return {
      payment_intents: values(this.intents), charges: values(this.charges), refunds: values(this.refunds),
      balance_transactions: values(this.transactions), disputes: values(this.disputes), customers: values(this.customers),
    };
  }
}

export { list };
