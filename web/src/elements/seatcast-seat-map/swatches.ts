/** The shapes of the map in its legend: the same as in `looks.ts`, drawn large. */
import { html, svg, type SVGTemplateResult, type TemplateResult } from 'lit';
import { TYPE_LOOKS } from './looks.ts';

const TYPES: readonly SVGTemplateResult[] = [
  svg`<circle cx="10" cy="10" r="8" />`,
  svg`<rect x="3" y="3" width="14" height="14" rx="2.4" />`,
  svg`<path d="M10 1 19 10 10 19 1 10Z" />`,
  svg`<path d="M5.6 2.4h8.8L18.8 10l-4.4 7.6H5.6L1.2 10Z" />`,
  svg`<path d="M6.3 2h7.4v4.3H18v7.4h-4.3V18H6.3v-4.3H2V6.3h4.3Z" />`,
];

const STATUSES = {
  held: svg`<circle cx="10" cy="10" r="7.2" class="line" /><path d="M10 2a8 8 0 0 0 0 16Z" />`,
  sold: svg`<circle cx="10" cy="10" r="4" />`,
  blocked: svg`<circle cx="10" cy="10" r="4.4" class="line" />`,
  special: svg`<circle cx="10" cy="10" r="8.2" class="line" /><circle cx="10" cy="10" r="5" />`,
  chosen: svg`<rect x="2" y="2" width="16" height="16" rx="4.5" /><path d="m6 10.3 2.8 2.9L14.2 7" class="tick" />`,
};

/** Of a ticket type, by its place in the event's order. */
export function typeSwatch(index: number): TemplateResult {
  const look = index % TYPE_LOOKS;
  return html`<svg class="swatch type-${look + 1}" viewBox="0 0 20 20" aria-hidden="true">${TYPES[look]}</svg>`;
}

export function swatch(status: keyof typeof STATUSES): TemplateResult {
  return html`<svg class="swatch ${status}" viewBox="0 0 20 20" aria-hidden="true">${STATUSES[status]}</svg>`;
}

/** `A`, `B` … for the types of an event that has several: the letter on large seats and in the legend. */
export function typeLetter(index: number, types: number): string {
  return types > 1 && index < 26 ? String.fromCharCode(65 + index) : '';
}
