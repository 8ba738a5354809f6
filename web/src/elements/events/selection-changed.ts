import type { BookingItem, Money } from '../../sdk/index.ts';

/** One line of the selection that is about to be booked. */
export interface SelectionLine {
  item: BookingItem;
  /** `Balcony`, `Stalls · Row F · Seat 12`. */
  label: string;
  quantity: number;
  unitPrice: Money;
}

/** Whether both are the same choice, whatever it costs. */
export function sameChoice(one: readonly SelectionLine[], other: readonly SelectionLine[]): boolean {
  const items = (lines: readonly SelectionLine[]): string => JSON.stringify(lines.map(({ item }) => item));
  return items(one) === items(other);
}

/** Whether both cost the same, line by line. */
export function samePrices(one: readonly SelectionLine[], other: readonly SelectionLine[]): boolean {
  const prices = (lines: readonly SelectionLine[]): string => JSON.stringify(lines.map(({ unitPrice }) => unitPrice));
  return prices(one) === prices(other);
}

/** An element that choices come from. */
export interface SelectionSource {
  /** Set while the choice is being booked: our own booking is no reason to reduce it. */
  busy: boolean;
  clear(): void;
  /** Takes one line out of the choice, where that can be done from outside. */
  removeLine?(line: SelectionLine): void;
}

/** The buyer chose something else. Its target is a `SelectionSource`. */
export class SelectionChangedEvent extends Event {
  static readonly type = 'seatcast-selection';
  readonly eventId: number;
  readonly lines: readonly SelectionLine[];

  constructor(eventId: number, lines: readonly SelectionLine[]) {
    super(SelectionChangedEvent.type, { bubbles: true, composed: true });
    this.eventId = eventId;
    this.lines = lines;
  }
}

declare global {
  interface HTMLElementEventMap {
    'seatcast-selection': SelectionChangedEvent;
  }
}
