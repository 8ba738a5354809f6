import { html, nothing, type ReactiveController, type ReactiveControllerHost, type TemplateResult } from 'lit';
import type { Language } from '../elements/internal/language.ts';
import { deskClient, type Rows } from './desk-client.ts';
import { because, type Said } from './said.ts';
import { complain } from './toasts.ts';
import { WORDS } from './words.ts';

/** In place of something that could not be read. */
export function unreadView(language: Language, why: Said, again: () => void): TemplateResult {
  const words = WORDS[language];
  return html`<div class="message" role="alert">
    <p><strong>${words.failedTitle}</strong>${why(language)}</p>
    <button class="button primary" type="button" @click=${again}>${words.again}</button>
  </div>`;
}

/** A list of the server, page by page: being read, failed, empty, or its rows. */
export class List<T> implements ReactiveController {
  rows: readonly T[] | undefined;
  total = 0;
  problem: unknown;
  readonly #host: ReactiveControllerHost;
  readonly #read: (next: string | undefined) => Promise<Rows<T>>;
  #next: string | undefined;
  /** Answers of older questions are dropped. */
  #asked = 0;
  #begun = false;

  /** `path`: of the first page, now; or a way to read lists that are paged otherwise. */
  constructor(host: ReactiveControllerHost, read: (() => string) | { page: (next: string | undefined) => Promise<Rows<T>> }) {
    this.#host = host;
    this.#read = 'page' in read ? read.page : (next) => deskClient().rows<T>(next ?? read());
    host.addController(this);
  }

  hostConnected(): void {
    if (this.#begun) void this.load();
  }

  /** Before its first drawing an element has not been given its properties, if it was made before its class was loaded. */
  hostUpdate(): void {
    if (this.#begun) return;
    this.#begun = true;
    void this.load();
  }

  hostDisconnected(): void {
    this.#asked += 1;
  }

  /** Whether more than the first page was read: then it is not replaced while somebody reads it. */
  get isLong(): boolean {
    return this.#pages > 1;
  }
  #pages = 0;

  /** Asks for something else: what is shown goes at once. */
  async restart(): Promise<void> {
    this.rows = undefined;
    await this.load();
  }

  /** Reads the first page anew, or one more. */
  async load(isMore = false): Promise<void> {
    const asked = ++this.#asked;
    try {
      const page = await this.#read(isMore ? this.#next : undefined);
      if (asked !== this.#asked) return;
      this.rows = isMore ? [...(this.rows ?? []), ...page.rows] : page.rows;
      this.#pages = isMore ? this.#pages + 1 : 1;
      this.total = page.total;
      this.#next = page.next;
      this.problem = undefined;
    } catch (error) {
      if (asked !== this.#asked) return;
      this.problem = error;
      // Somebody asked for more, and what was read is shown still.
      if (isMore) complain(because(error));
    }
    this.#host.requestUpdate();
  }

  /** `table` draws the rows, of which there are some; `none` says that there are none. */
  view(language: Language, none: { title: string; text: string }, table: (rows: readonly T[]) => TemplateResult): TemplateResult {
    const words = WORDS[language];
    if (this.problem !== undefined && !this.rows) {
      return unreadView(language, because(this.problem), () => void this.load());
    }
    if (!this.rows) return html`<div class="skeleton waiting" role="status" aria-label=${words.loading}></div>`;
    if (this.rows.length === 0) return html`<div class="message"><p><strong>${none.title}</strong>${none.text}</p></div>`;
    return html`${table(this.rows)}
    ${this.#next ? html`<div class="actions"><button class="button" type="button" @click=${() => void this.load(true)}>${words.more}</button></div>` : nothing}`;
  }
}
