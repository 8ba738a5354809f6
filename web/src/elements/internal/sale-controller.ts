import type { ReactiveController, ReactiveControllerHost } from 'lit';
import type { LiveClient } from '../../sdk/live-client.ts';
import type { EventState } from '../../sdk/model.ts';
import type { SaleState } from '../../sdk/catalogue.ts';
import { eventSaleState, nextSaleChange, saleStateOf } from '../../sdk/sale.ts';

/**
 * Looks at the clock so often at least: a machine that slept wakes with its timers late, and the first look may be by the
 * clock of this machine, which may be hours off.
 */
const LOOK_MS = 1_000;

/** Tells by the server's clock which types are on sale. Draws its element anew at the moment at which that changes. */
export class SaleController implements ReactiveController {
  readonly #host: ReactiveControllerHost;
  readonly #state: () => EventState | undefined;
  readonly #client: () => LiveClient;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #seen = '';

  constructor(host: ReactiveControllerHost, state: () => EventState | undefined, client: () => LiveClient) {
    this.#host = host;
    this.#state = state;
    this.#client = client;
    host.addController(this);
  }

  hostUpdated(): void {
    this.#look();
  }

  hostDisconnected(): void {
    clearTimeout(this.#timer);
  }

  /** Of one ticket type, or of the event. */
  of(state: EventState, typeId?: number): SaleState {
    const types = typeId === undefined ? state.ticket_types : state.ticket_types.filter(({ id }) => id === typeId);
    return eventSaleState(state.event, types, this.#client().now());
  }

  /** The event itself is over. */
  isOver({ event }: EventState): boolean {
    return Date.parse(event.ends_at ?? event.starts_at) <= this.#client().now();
  }

  #look(): void {
    clearTimeout(this.#timer);
    const state = this.#state();
    if (!state) return;
    const now = this.#client().now();
    const seen = state.ticket_types.map((type) => saleStateOf(state.event, type, now)).join();
    const before = this.#seen;
    this.#seen = seen;
    if (before !== '' && before !== seen) return this.#host.requestUpdate();
    const next = nextSaleChange(state.event, state.ticket_types, now);
    this.#timer = setTimeout(() => this.#look(), Math.min(LOOK_MS, next === undefined ? LOOK_MS : next - now));
  }
}
