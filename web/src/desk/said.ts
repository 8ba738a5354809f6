/** Sentences that stay on the screen for a while: put into words at each drawing, so that they follow the language that is chosen. */
import type { Language } from '../elements/internal/language.ts';
import { explain } from '../elements/internal/refusals.ts';

export type Said = (language: Language) => string;

/** Why something did not work. A sentence that only the server knows stays in the language in which it was asked. */
export function because(error: unknown): Said {
  return (language) => explain(language, error);
}
