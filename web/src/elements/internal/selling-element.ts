import './full-client.ts';
import type { SeatcastClient } from '../../sdk/client.ts';
import { FocusKeeper } from './focus-keeper.ts';
import { LiveElement } from './live-element.ts';

/** Base of the elements that do more than to show numbers. */
export class SellingElement extends LiveElement<SeatcastClient> {
  constructor() {
    super();
    new FocusKeeper(this);
  }
}
