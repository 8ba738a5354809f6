import './full-client.ts';
import type { BuyerClient } from '../../sdk/buyer-client.ts';
import { keepFocus } from './keep-focus.ts';
import { LiveElement } from './live-element.ts';

/** Base of the elements that do more than to show numbers. */
export class SellingElement extends LiveElement<BuyerClient> {
  constructor() {
    super();
    keepFocus(this);
  }
}
