import './full-client.ts';
import type { SeatcastClient } from '../../sdk/client.ts';
import { keepFocus } from './keep-focus.ts';
import { LiveElement } from './live-element.ts';

/** Base of the elements that do more than to show numbers. */
export class SellingElement extends LiveElement<SeatcastClient> {
  constructor() {
    super();
    keepFocus(this);
  }
}
