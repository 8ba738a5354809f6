import { LitElement } from 'lit';
import type { LiveClient } from '../../sdk/index.ts';
import { EventGuard, isEvent } from './event-guard.ts';
import { LanguageController, type Language } from './language.ts';
import { TopicController, type Host } from './watch-controller.ts';

/**
 * Base of the elements that show one event: the `event` attribute, an optional client, and the
 * event's topic.
 *
 * Fields are declared, not initialised: a class field of that name would hide Lit's accessor.
 */
export class LiveElement<C extends LiveClient = LiveClient> extends LitElement implements Host<C> {
  static override properties = {
    event: { type: Number },
    client: { attribute: false },
  };

  /** Id of the event. */
  declare event: number | undefined;
  declare client: C | undefined;

  protected readonly topic = new TopicController<`event:${number}`, C>(
    this,
    () => (isEvent(this.event) ? `event:${this.event}` : undefined),
    () => this.#topicChanged(),
  );

  readonly #speech = new LanguageController(this);

  /** The language that is spoken around the element. */
  protected get language(): Language {
    return this.#speech.language;
  }

  /** Undefined where an element makes do without an event. */
  protected readonly guard: EventGuard | undefined = this.needsEvent ? new EventGuard(this) : undefined;
  #isRefused = false;

  protected get needsEvent(): boolean {
    return true;
  }

  #topicChanged(): void {
    const { refused } = this.topic.view;
    if (refused && !this.#isRefused) this.guard?.warn(`event ${this.event}: ${refused.reason}`);
    this.#isRefused = refused !== undefined;
    this.topicChanged();
  }

  /** Called when the topic changed, before the element renders. */
  protected topicChanged(): void {}
}

/** A boolean attribute. React 18 and some templates write `readonly="false"`, and mean it. */
export const FLAG = { converter: (value: string | null): boolean => value !== null && value !== 'false' };

/** Registers an element once, also when two bundles bring it. */
export function define(name: string, element: CustomElementConstructor): void {
  if (!customElements.get(name)) customElements.define(name, element);
}
