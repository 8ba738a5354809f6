import { LitElement } from 'lit';
import type { SeatcastClient } from '../../sdk/index.ts';
import { LanguageController, type Language } from './language.ts';
import { TopicController, type Host } from './watch-controller.ts';

/**
 * Base of the elements that show one event: the `event` attribute, an optional client, and the
 * event's topic.
 *
 * Fields are declared, not initialised: a class field of that name would hide Lit's accessor.
 */
export class LiveElement extends LitElement implements Host {
  static override properties = {
    event: { type: Number },
    client: { attribute: false },
  };

  /** Id of the event. */
  declare event: number | undefined;
  declare client: SeatcastClient | undefined;

  protected readonly topic = new TopicController<`event:${number}`>(
    this,
    () => (this.event === undefined || Number.isNaN(this.event) ? undefined : `event:${this.event}`),
    () => this.topicChanged(),
  );

  readonly #speech = new LanguageController(this);

  /** The language that is spoken around the element. */
  protected get language(): Language {
    return this.#speech.language;
  }

  /** Called when the topic changed, before the element renders. */
  protected topicChanged(): void {}
}

/** Registers an element once, also when two bundles bring it. */
export function define(name: string, element: CustomElementConstructor): void {
  if (!customElements.get(name)) customElements.define(name, element);
}
