/** The organization that a page is about, where somebody works for several. */
import { html, nothing, type TemplateResult } from 'lit';
import type { Language } from '../../elements/internal/language.ts';
import type { Me } from '../../sdk/index.ts';
import { numberText, wholeOf } from '../amounts.ts';
import { may, organizationsOf, type Right } from '../rights.ts';
import { WORDS } from './words.ts';

/** Those in which the caller has the right. */
export function choicesOf(me: Me, right: Right): number[] {
  return organizationsOf(me).filter((id) => may(me, right, id));
}

/** `?organization=` of the address, or the first. */
export function chosenOf(me: Me, right: Right): number | undefined {
  const asked = Number(new URLSearchParams(location.search).get('organization'));
  // Administrators may name any.
  if (asked > 0 && may(me, right, asked)) return asked;
  return choicesOf(me, right)[0];
}

export function organizationChoice(language: Language, me: Me, right: Right, chosen: number | undefined, changed: (id: number) => void): TemplateResult | typeof nothing {
  const choices = choicesOf(me, right);
  const words = WORDS[language];
  const choose = (value: string): void => {
    const id = wholeOf(value) ?? 0;
    if (id <= 0) return;
    history.replaceState(history.state, '', `?organization=${id}`);
    changed(id);
  };
  if (me.role === 'admin') {
    return html`<label>${words.organization}<input inputmode="numeric" autocomplete="off" .value=${numberText(language, chosen ?? '')} @change=${(event: Event) => choose((event.target as HTMLInputElement).value)} /></label>`;
  }
  if (choices.length < 2) return nothing;
  return html`<label
    >${words.organization}
    <select @change=${(event: Event) => choose((event.target as HTMLSelectElement).value)}>
      ${choices.map((id) => html`<option value=${id} ?selected=${id === chosen}>${id === me.id ? words.own : words.numbered(id)}</option>`)}
    </select></label
  >`;
}
