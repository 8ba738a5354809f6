import { LitElement } from 'lit';
import { keepFocus } from '../elements/internal/keep-focus.ts';
import { LanguageController, type Language } from '../elements/internal/language.ts';

/** Base of the pages: they speak the language of the document, and draw themselves anew when it changes. */
export class PageElement extends LitElement {
  readonly #speech = new LanguageController(this);

  constructor() {
    super();
    keepFocus(this);
  }

  protected get language(): Language {
    return this.#speech.language;
  }
}

/** The title of the browser's tab. */
export function titled(words: string): void {
  document.title = `${words} · Seatcast`;
}
