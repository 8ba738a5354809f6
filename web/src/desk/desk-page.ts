import { LitElement, type PropertyDeclarations } from 'lit';
import { keepFocus } from '../elements/internal/keep-focus.ts';
import { LanguageController, type Language } from '../elements/internal/language.ts';
import type { EventDetails } from '../sdk/index.ts';
import { deskClient, type DeskClient } from './desk-client.ts';
import { desk } from './desk.ts';
import type { Me } from '../sdk/index.ts';
import { because } from './said.ts';
import { complain } from './toasts.ts';

/** A page of the desk: knows the client, the caller and the language. Its address and name are a row of `pages.ts`. */
export abstract class DeskPage extends LitElement {
  readonly #language = new LanguageController(this);

  constructor() {
    super();
    keepFocus(this);
  }

  protected get language(): Language {
    return this.#language.language;
  }

  protected get client(): DeskClient {
    return deskClient();
  }

  /** Pages are shown to those only who are signed in. */
  protected get me(): Me {
    const { me } = desk();
    if (!me) throw new TypeError('nobody is signed in');
    return me;
  }

  /** The answer to a wish; undefined where the server refused it, which the corner says. */
  protected async tried<T>(wish: Promise<T>): Promise<T | undefined> {
    try {
      return await wish;
    } catch (error) {
      complain(because(error));
      return undefined;
    }
  }
}

/** A page of one event, which the frame around it loads and keeps current. */
export abstract class EventDeskPage extends DeskPage {
  static override properties: PropertyDeclarations = { event: { attribute: false } };

  declare event: EventDetails;

  /** The event was changed here: the frame reads it anew, and gives it to this page. */
  protected eventChanged(event?: EventDetails): void {
    this.dispatchEvent(new EventChanged(event));
  }
}

/** An event of the desk is another one. */
export class EventChanged extends Event {
  static readonly type = 'desk-event-changed';
  /** As the server answered it; undefined: to be read. */
  readonly event: EventDetails | undefined;

  constructor(event: EventDetails | undefined) {
    super(EventChanged.type, { bubbles: true, composed: true });
    this.event = event;
  }
}
