import { html, type TemplateResult } from 'lit';
import type { ErrorResponse } from '../../sdk/index.ts';
import type { EventGuard } from './event-guard.ts';
import { WORDS } from './event-words.ts';
import type { Language } from './language.ts';

/** A word in place of an element whose event is missing or unknown; undefined where all is well. */
export function faultOf(language: Language, guard: EventGuard | undefined, refused: ErrorResponse | undefined): TemplateResult | undefined {
  if (refused) return html`<p class="fault">${WORDS[language].unknown}</p>`;
  return guard?.isNameless ? html`<p class="fault">${WORDS[language].nameless}</p>` : undefined;
}
