// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { payByStripe, type StripeWish } from './stripe-form.ts';

/** Stands for Stripe.js: what it was asked, and what it answers. */
const stripe = { made: [] as unknown[], options: [] as unknown[], confirmed: [] as unknown[], answer: {} as { error?: { message?: string } }, ready: () => {} };
let wish: StripeWish;

beforeEach(() => {
  Object.assign(stripe, { made: [], options: [], confirmed: [], answer: {} });
  vi.stubGlobal('Stripe', (key: string, options: object) => {
    stripe.made.push([key, options]);
    return {
      elements: (given: object) => {
        stripe.options.push(given);
        return { create: () => ({ mount: (place: HTMLElement) => place.append('card'), on: (event: string, then: () => void) => event === 'ready' && (stripe.ready = then) }) };
      },
      confirmPayment: async (given: object) => {
        stripe.confirmed.push(given);
        return stripe.answer;
      },
    };
  });
  HTMLDialogElement.prototype.showModal ??= function showModal(this: HTMLDialogElement) {
    this.setAttribute('open', '');
  };
  const host = document.body.appendChild(document.createElement('div'));
  wish = { clientSecret: 'pi_1_secret', publishableKey: 'pk_1', returnUrl: 'https://tickets.example/bookings/BK-1', sum: '€90.00', language: 'fa', host };
});
afterEach(() => {
  document.body.replaceChildren();
  vi.unstubAllGlobals();
});

const dialog = (): HTMLDialogElement => document.querySelector('dialog')!;
const buttons = (): HTMLButtonElement[] => [...dialog().querySelectorAll('button')];

async function opened(given: Partial<StripeWish> = {}): Promise<Promise<boolean>[]> {
  const ended = payByStripe({ ...wish, ...given });
  await vi.waitFor(() => expect(dialog()?.textContent).toContain('card'));
  return [ended];
}

describe('the form of Stripe', () => {
  it('is a dialog in the language of the page, which pays when its fields are there', async () => {
    const [ended] = await opened();
    expect([dialog().lang, dialog().dir]).toEqual(['fa', 'rtl']);
    expect(stripe.made).toEqual([['pk_1', { locale: 'en' }]]);
    expect(stripe.options).toMatchObject([{ clientSecret: 'pi_1_secret' }]);
    const [pay] = buttons();
    expect(pay?.disabled).toBe(true);
    stripe.ready();
    expect(pay?.disabled).toBe(false);
    pay?.click();
    expect(await ended).toBe(true);
    expect(stripe.confirmed).toMatchObject([{ confirmParams: { return_url: wish.returnUrl }, redirect: 'if_required' }]);
    expect(dialog()).toBeNull();
    expect(document.adoptedStyleSheets).toEqual([]);
  });

  it('stays with a word when the card is declined, and may be left', async () => {
    const [ended] = await opened({ language: 'en' });
    stripe.ready();
    stripe.answer = { error: { message: 'Your card was declined.' } };
    const [pay, back] = buttons();
    pay?.click();
    await vi.waitFor(() => expect(dialog().querySelector('[role=alert]')?.textContent).toBe('Your card was declined.'));
    expect(pay?.disabled).toBe(false);
    back?.click();
    expect(await ended).toBe(false);
    expect(dialog()).toBeNull();
  });
});
