/**
 * The door for Angular: a provider for the client, the service by the names of pages that polled, with observables of RxJS, and a
 * component with the inputs that such pages have.
 *
 *     bootstrapApplication(App, { providers: [provideSeatcast({ url: 'https://tickets.example' })] })
 *     <app-real-time-availability [eventId]="event.id" [fallbackAvailable]="20" [fallbackTotal]="100" />
 */
import {
  ChangeDetectionStrategy,
  Component,
  computed,
  DestroyRef,
  effect,
  inject,
  Injectable,
  InjectionToken,
  input,
  makeEnvironmentProviders,
  signal,
  type EnvironmentProviders,
} from '@angular/core';
import {
  AVAILABILITY_WORDS,
  followPage,
  SeatcastClient,
  stockLevel,
  storageOfPage,
  TicketAvailabilityService as Service,
  type AvailabilityStatus,
  type AvailabilityWords,
  type TicketAvailability,
} from '@seatcast/client';
import { from, type Observable } from 'rxjs';

export const SEATCAST_CLIENT = new InjectionToken<SeatcastClient>('SeatcastClient');
/** Other texts and classes than the English ones, whose classes are those of Tailwind. */
export const SEATCAST_WORDS = new InjectionToken<Partial<AvailabilityWords>>('SeatcastWords', { factory: () => ({}) });

/** The client: one that is given, which is closed by whoever made it, or one for this server. */
export function provideSeatcast(options: { url: string } | { client: SeatcastClient }): EnvironmentProviders {
  const made = (): SeatcastClient => {
    if ('client' in options) return options.client;
    const storage = storageOfPage();
    // With the page's storage it knows the bookings of a guest again when the page is loaded anew.
    const client = new SeatcastClient({ ...options, ...(storage ? { storage } : {}) });
    const listening = new AbortController();
    followPage(client, listening.signal);
    inject(DestroyRef).onDestroy(() => {
      listening.abort();
      client.close();
    });
    return client;
  };
  return makeEnvironmentProviders([{ provide: SEATCAST_CLIENT, useFactory: made }]);
}

@Injectable({ providedIn: 'root' })
export class TicketAvailabilityService {
  readonly #service = new Service(inject(SEATCAST_CLIENT), inject(SEATCAST_WORDS));

  /** Keeps these events up to date until each was stopped as often as it was tracked. */
  trackEvents(eventIds: number[]): void {
    this.#service.trackEvents(eventIds);
  }

  stopTrackingEvent(eventId: number): void {
    this.#service.stopTrackingEvent(eventId);
  }

  /** Told as soon as it is known, and at every change of it. */
  getEventAvailability(eventId: number): Observable<TicketAvailability> {
    return from(this.#service.getEventAvailability(eventId));
  }

  getAvailabilityStatus(eventId: number): Observable<AvailabilityStatus> {
    return from(this.#service.getAvailabilityStatus(eventId));
  }

  isEventSoldOut(eventId: number): Observable<boolean> {
    return from(this.#service.isEventSoldOut(eventId));
  }

  refreshAvailability(): void {
    this.#service.refreshAvailability();
  }
}

/** A badge with what is left, live. Until that is known it shows the numbers that it is given, and does not call them live. */
@Component({
  selector: 'app-real-time-availability, seatcast-real-time-availability',
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    @if (badge(); as shown) {
      <span [class]="'px-2 py-1 rounded-full text-xs font-medium ' + shown.class">{{ shown.text }}</span>
      @if (shown.left !== undefined) {
        &ngsp;<span class="left">{{ shown.left }} of {{ shown.total }} left</span>
      }
      @if (isLive()) {
        &ngsp;<span class="live">LIVE</span>
      }
    }
  `,
})
export class RealTimeAvailabilityComponent {
  readonly eventId = input.required<number>();
  readonly fallbackAvailable = input<number>();
  readonly fallbackTotal = input<number>();

  readonly #service = inject(TicketAvailabilityService);
  readonly #words: AvailabilityWords = { ...AVAILABILITY_WORDS, ...inject(SEATCAST_WORDS) };
  readonly #availability = signal<TicketAvailability | undefined>(undefined);
  readonly #status = signal<AvailabilityStatus | undefined>(undefined);

  protected readonly isLive = computed(() => this.#availability()?.status === 'live');
  protected readonly badge = computed(() => this.#live() ?? this.#fallback());

  constructor() {
    effect((onCleanup) => {
      const id = this.eventId();
      this.#availability.set(undefined);
      this.#status.set(undefined);
      const subscriptions = [
        this.#service.getEventAvailability(id).subscribe((availability) => this.#availability.set(availability)),
        this.#service.getAvailabilityStatus(id).subscribe((status) => this.#status.set(status)),
      ];
      onCleanup(() => subscriptions.forEach((subscription) => subscription.unsubscribe()));
    });
  }

  #live(): { text: string; class: string; left: number; total: number } | undefined {
    const [availability, status] = [this.#availability(), this.#status()];
    if (!availability || !status) return undefined;
    return { text: status.text, class: status.class, left: availability.availableTickets, total: availability.totalCapacity };
  }

  #fallback(): { text: string; class: string; left: number; total: number } | undefined {
    const [left, total] = [this.fallbackAvailable(), this.fallbackTotal()];
    if (left === undefined || total === undefined) return undefined;
    // Grey: the colour of numbers that are proven is a promise.
    return { text: this.#words.text(stockLevel(left, total), left), class: this.#words.class('closed'), left, total };
  }
}
