/** The language in which an element speaks. */
import type { ReactiveController, ReactiveElement } from 'lit';

export const LANGUAGES = ['en', 'th', 'fa'] as const;
export type Language = (typeof LANGUAGES)[number];

/** The same words in every language: a missing one does not compile. */
export type Translations<T> = Readonly<Record<Language, T>>;

/** Of the nearest `lang`, on the element or around it, that says a language we speak; English without one. */
export function languageOf(element: Element): Language {
  for (let at: Element | null = element; at; at = around(at)) {
    const tag = at.getAttribute('lang')?.split('-')[0]?.toLowerCase();
    const known = LANGUAGES.find((language) => language === tag);
    if (known) return known;
    if (tag) return 'en';
  }
  return 'en';
}

/** An element in a shadow root is inside of that root's host. */
function around(element: Element): Element | null {
  if (element.parentElement) return element.parentElement;
  const root = element.getRootNode();
  return root instanceof ShadowRoot ? root.host : null;
}

/** Elements on the page, which draw themselves anew when a `lang` around them changes. */
const speaking = new Set<LanguageController>();
let observer: MutationObserver | undefined;

export class LanguageController implements ReactiveController {
  readonly #host: ReactiveElement;
  #language: Language = 'en';

  constructor(host: ReactiveElement) {
    this.#host = host;
    host.addController(this);
  }

  get language(): Language {
    return this.#language;
  }

  hostConnected(): void {
    if (speaking.size === 0) {
      observer = new MutationObserver(() => speaking.forEach((one) => one.#look()));
      observer.observe(document, { attributes: true, attributeFilter: ['lang'], subtree: true });
    }
    speaking.add(this);
    this.#look();
  }

  hostDisconnected(): void {
    speaking.delete(this);
    if (speaking.size === 0) observer?.disconnect();
  }

  #look(): void {
    const language = languageOf(this.#host);
    if (language === this.#language) return;
    this.#language = language;
    this.#host.requestUpdate();
  }
}
