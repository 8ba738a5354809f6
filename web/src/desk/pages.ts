/**
 * THE DESK'S PAGES: one row each, with address, name and the right that it needs. A page's files are in a folder of their
 * own, and are loaded when it is opened. The server answers exactly these addresses with the desk (`src/web.rs`).
 */
import { html, type TemplateResult } from 'lit';
import type { Translations } from '../elements/internal/language.ts';
import type { EventDetails } from '../sdk/index.ts';
import type { Right } from './rights.ts';

/** What a page gets of its address. */
export interface Visit {
  /** By name: those in braces in the row's `path`. */
  parameters: Readonly<Record<string, string>>;
  /** Of pages below `/desk/events/{id}`. */
  event: EventDetails | undefined;
}

export interface PageRow {
  path: string;
  name: Translations<string>;
  /** Where it is linked: in the desk's header, among the pages of an event, or on other pages only. */
  linked: 'desk' | 'event' | 'elsewhere';
  /** Of the event's organization, or of any. */
  right: Right;
  load: () => Promise<unknown>;
  view: (visit: Visit) => TemplateResult;
}

export const PAGES: readonly PageRow[] = [
  {
    path: '/desk',
    name: { en: 'Events', th: 'งาน', fa: 'رویدادها' },
    linked: 'desk',
    right: 'see',
    load: () => import('./events/events-page.ts'),
    view: () => html`<desk-events></desk-events>`,
  },
];
