/**
 * Stripe's own fields for cards and wallets, in a dialog of the page: they do not work inside of shadow roots. Their script is
 * the one thing that is loaded from another origin, and only when somebody pays by Stripe.
 */
import type { Language } from '../internal/language.ts';
import { WORDS } from './stripe-words.ts';

const SCRIPT = 'https://js.stripe.com/v3/';
/** Languages of ours that Stripe does not speak are English there. */
const LOCALES: Record<Language, string> = { en: 'en', th: 'th', fa: 'en' };

/** The part of Stripe.js that is used here. */
interface Stripe {
  elements(options: { clientSecret: string; appearance: { theme: string } }): StripeElements;
  confirmPayment(options: {
    elements: StripeElements;
    confirmParams: { return_url: string };
    redirect: 'if_required';
  }): Promise<{ error?: { message?: string } }>;
}
interface StripeElements {
  create(kind: 'payment'): { mount(place: HTMLElement): void; on(event: 'ready' | 'loaderror', listener: () => void): void };
}
type MakeStripe = (publishableKey: string, options: { locale: string }) => Stripe;

export interface StripeWish {
  clientSecret: string;
  publishableKey: string;
  /** Where the buyer's bank leads back to, if it has to ask. */
  returnUrl: string;
  /** In words. */
  sum: string;
  language: Language;
  /** The element that the dialog speaks and looks like. */
  host: HTMLElement;
}

/** Answers whether the buyer paid; not if the dialog was closed. @throws Error when Stripe cannot be reached */
export async function payByStripe({ clientSecret, publishableKey, returnUrl, sum, language, host }: StripeWish): Promise<boolean> {
  const words = WORDS[language];
  const make = await loadStripe();
  const stripe = make(publishableKey, { locale: LOCALES[language] });
  const isDark = globalThis.matchMedia?.('(prefers-color-scheme: dark)').matches && getComputedStyle(host).colorScheme !== 'light';
  const elements = stripe.elements({ clientSecret, appearance: { theme: isDark ? 'night' : 'stripe' } });

  const dialog = document.createElement('dialog');
  dialog.className = 'seatcast-stripe';
  dialog.lang = language;
  dialog.dir = language === 'fa' ? 'rtl' : 'ltr';
  const title = made('h2', words.title(sum));
  title.id = 'seatcast-stripe-title';
  dialog.setAttribute('aria-labelledby', title.id);
  const state = made('p', words.loading);
  state.setAttribute('role', 'status');
  const place = made('div', '');
  const problem = made('p', '');
  problem.className = 'problem';
  problem.setAttribute('role', 'alert');
  const pay = made('button', words.pay(sum));
  pay.className = 'pay';
  pay.disabled = true;
  const back = made('button', words.back);
  for (const button of [pay, back]) button.type = 'button';
  dialog.append(title, state, place, problem, pay, back);

  const styles = stylesOf(host);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, styles];
  document.body.append(dialog);
  dialog.showModal();

  const field = elements.create('payment');
  field.on('ready', () => {
    state.textContent = '';
    pay.disabled = false;
  });
  field.on('loaderror', () => {
    state.textContent = '';
    problem.textContent = words.away;
  });
  field.mount(place);

  return new Promise((resolve) => {
    const end = (isPaid: boolean): void => {
      dialog.remove();
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((sheet) => sheet !== styles);
      resolve(isPaid);
    };
    back.addEventListener('click', () => end(false));
    // Escape; not while the bank is being asked.
    dialog.addEventListener('cancel', (event) => {
      event.preventDefault();
      if (!back.disabled) end(false);
    });
    pay.addEventListener('click', async () => {
      pay.disabled = back.disabled = true;
      problem.textContent = '';
      state.textContent = words.oneMoment;
      const { error } = await stripe
        .confirmPayment({ elements, confirmParams: { return_url: returnUrl }, redirect: 'if_required' })
        .catch(() => ({ error: { message: words.away } }));
      if (!error) return end(true);
      pay.disabled = back.disabled = false;
      state.textContent = '';
      problem.textContent = error.message ?? words.away;
    });
  });
}

let loading: Promise<MakeStripe> | undefined;

/** Stripe asks that its script comes from its own address, each time. */
function loadStripe(): Promise<MakeStripe> {
  const there = (globalThis as { Stripe?: MakeStripe }).Stripe;
  if (there) return Promise.resolve(there);
  loading ??= new Promise<MakeStripe>((resolve, reject) => {
    const script = document.createElement('script');
    script.addEventListener('load', () => {
      const made = (globalThis as { Stripe?: MakeStripe }).Stripe;
      if (made) resolve(made);
      else reject(new Error('Stripe.js did not start'));
    });
    script.addEventListener('error', () => {
      script.remove();
      // The next try loads it anew.
      loading = undefined;
      reject(new Error('Stripe.js could not be loaded'));
    });
    script.src = trusted(SCRIPT);
    document.head.append(script);
  });
  return loading;
}

/** Sites may demand that script addresses come from a policy. */
function trusted(address: string): string {
  const { trustedTypes } = globalThis as { trustedTypes?: { createPolicy(name: string, rules: object): { createScriptURL(text: string): string } } };
  try {
    return trustedTypes?.createPolicy('seatcast-stripe', { createScriptURL: (text: string) => text }).createScriptURL(address) ?? address;
  } catch {
    return address;
  }
}

function made<K extends keyof HTMLElementTagNameMap>(tag: K, words: string): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  element.textContent = words;
  return element;
}

/** In the colours of the element that asked. */
function stylesOf(host: HTMLElement): CSSStyleSheet {
  const look = getComputedStyle(host);
  const of = (name: string): string => look.getPropertyValue(`--${name}`).trim();
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    .seatcast-stripe { width: min(30rem, calc(100vw - 2rem)); padding: 1.5rem; border: 0; border-radius: ${of('radius') || '14px'};
      background: ${of('surface') || 'Canvas'}; color: ${of('ink') || 'CanvasText'}; font: ${look.font || '1rem system-ui'}; }
    .seatcast-stripe::backdrop { background: rgb(0 0 0 / 0.55); }
    .seatcast-stripe h2 { margin: 0 0 1rem; font-size: 1.3rem; }
    .seatcast-stripe p { margin: 0.75rem 0 0; }
    .seatcast-stripe p:empty { display: none; }
    .seatcast-stripe .problem { color: ${of('red') || '#a11d2c'}; }
    .seatcast-stripe button { width: 100%; min-height: 44px; margin-top: 0.75rem; border: 1px solid ${of('line-strong') || 'GrayText'};
      border-radius: ${of('radius-small') || '9px'}; background: none; color: inherit; font: inherit; font-weight: 600; cursor: pointer; }
    .seatcast-stripe .pay { border-color: transparent; background: ${of('accent') || 'AccentColor'}; color: ${of('on-accent') || 'AccentColorText'}; }
    .seatcast-stripe button:disabled { opacity: 0.6; cursor: not-allowed; }`);
  return sheet;
}
