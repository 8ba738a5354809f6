// Events and their way to the endpoints: signed, tried again, and, where the control path says so, held back, doubled,
// reordered or lost.

import { createHmac, randomBytes } from 'node:crypto';

export const API_VERSION = '2025-10-29.clover';
// Pauses before the second try and later ones, in milliseconds; Stripe's own are hours.
const PAUSES_MS = [50, 100, 200, 400, 800, 1600, 3200];
const ANSWER_MS_MAX = 10_000;

export class Webhooks {
  constructor(now) {
    this.now = now;
    this.events = [];
    /** `{url, secret}` each. */
    this.endpoints = [];
    /** The messages that were sent, and their answers. */
    this.deliveries = [];
    /** `send`, `double`, `hold` (until `release`), or `drop`. */
    this.mode = 'send';
    this.held = [];
  }

  /** An event of this type, with the object as it is now. */
  happened(type, object) {
    const event = {
      id: `evt_${randomBytes(12).toString('hex')}`, object: 'event', api_version: API_VERSION, created: this.now(),
      data: { object: structuredClone(object) }, livemode: false, pending_webhooks: this.endpoints.length,
      request: { id: null, idempotency_key: null }, type,
    };
    this.events.push(event);
    if (this.mode === 'hold') {
      this.held.push(event);
    } else if (this.mode !== 'drop') {
      const times = this.mode === 'double' ? 2 : 1;
      for (let time = 0; time < times; time += 1) {
        this.send(event);
      }
    }
    return event;
  }

  send(event, options = {}) {
    return Promise.all(this.endpoints.map((endpoint) => this.deliver(event, endpoint, options)));
  }

  /** Sends what was held back, in the order that is asked for. */
  async release(order = 'as_happened') {
    const held = this.held.splice(0);
    for (const event of order === 'reversed' ? held.reverse() : held) {
      await this.send(event);
    }
  }

  /** Signs a body as of a time; a wrong secret makes a forged one. */
  static sign(body, secret, at) {
    const signature = createHmac('sha256', secret).update(`${at}.${body}`).digest('hex');
    return `t=${at},v1=${signature}`;
  }

  async deliver(event, { url, secret }, { secret: other, ahead_s: ahead = 0, tries = PAUSES_MS.length + 1 }) {
    const body = JSON.stringify(event);
    for (let attempt = 0; attempt < tries; attempt += 1) {
      const at = Math.floor(Date.now() / 1000) + ahead;
      const headers = {
        'Content-Type': 'application/json; charset=utf-8', 'User-Agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
        'Stripe-Signature': Webhooks.sign(body, other ?? secret, at),
      };
      let status = 0;
      try {
        const answer = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(ANSWER_MS_MAX) });
        status = answer.status;
      } catch {
        // The endpoint is away: tried again.
      }
      this.deliveries.push({ event: event.id, type: event.type, url, attempt, status });
      if (status >= 200 && status < 300) {
        event.pending_webhooks = Math.max(0, event.pending_webhooks - 1);
        return status;
      }
      if (attempt + 1 === tries) {
        return status;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSES_MS[Math.min(attempt, PAUSES_MS.length - 1)]).unref());
    }
    return 0;
  }
}
