/** The frame of the desk and of the door: mark, header, choice of a language. The shop has its own, which weighs less. */
import { css, html, svg, type TemplateResult } from 'lit';
import { LANGUAGES, type Language } from '../elements/internal/language.ts';
import { liveClient } from '../elements/internal/shared-client.ts';
import { chooseLanguage, NAMES } from '../pages/language.ts';
import { selectArrow } from '../elements/internal/select.ts';

export const MARK = html`<svg viewBox="0 0 32 32" aria-hidden="true">${svg`
  <path class="body" d="M4 8a3 3 0 0 1 3-3h18a3 3 0 0 1 3 3v4.5a3.5 3.5 0 0 0 0 7V24a3 3 0 0 1-3 3H7a3 3 0 0 1-3-3v-4.5a3.5 3.5 0 0 0 0-7z"/>
  <path class="wave" d="M11.5 11.8a6 6 0 0 0 0 8.4m9 0a6 6 0 0 0 0-8.4"/>
  <circle class="core" cx="16" cy="16" r="2.3"/>`}</svg>`;

/** Each language by its own name, for those who do not read the page's. */
export function languageSelect(language: Language, label: string): TemplateResult {
  return html`<select class="language" aria-label=${label} @change=${({ target }: Event) => chooseLanguage(liveClient(), (target as HTMLSelectElement).value as Language)}>
    ${LANGUAGES.map((one) => html`<option value=${one} lang=${one} ?selected=${one === language}>${NAMES[one]}</option>`)}
  </select>`;
}

/** `--page-width` is the entry's own. */
export const frame = css`
  ${selectArrow}
  :host {
    display: flex;
    flex-direction: column;
    min-height: 100vh;
    min-height: 100dvh;
  }
  .skip {
    position: absolute;
    inset-inline-start: 1rem;
    top: -4rem;
    z-index: 2;
  }
  .skip:focus {
    top: 1rem;
  }
  header,
  main {
    width: 100%;
    max-width: var(--page-width);
    margin: 0 auto;
    padding-inline: clamp(1rem, 3vw, 2rem);
  }
  header {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.5rem clamp(1rem, 3vw, 2rem);
    padding-block: 0.9rem;
  }
  .brand {
    display: inline-flex;
    align-items: center;
    gap: 0.55rem;
    min-height: 44px;
    font-family: var(--display);
    font-size: 1.25rem;
    font-weight: 780;
    letter-spacing: -0.03em;
    text-decoration: none;
  }
  .brand span {
    padding: 0.05rem 0.6rem;
    border-radius: 99px;
    background: var(--accent-wash);
    color: var(--accent);
    font-family: var(--text);
    font-size: 0.8125rem;
    font-weight: 650;
    letter-spacing: 0;
  }
  .brand svg {
    width: 1.9rem;
    height: 1.9rem;
  }
  .body {
    fill: var(--accent);
  }
  .wave {
    fill: none;
    stroke: var(--on-accent);
    stroke-width: 2.4;
    stroke-linecap: round;
  }
  .core {
    fill: var(--on-accent);
  }
  nav {
    display: flex;
    flex-wrap: wrap;
    gap: 0.25rem;
  }
  nav a {
    padding: 0.5rem 0.85rem;
    border-radius: 99px;
    color: var(--ink-soft);
    font-weight: 550;
    text-decoration: none;
  }
  nav a:hover {
    background: var(--sunken);
  }
  nav a[aria-current] {
    background: var(--sunken);
    color: var(--ink);
  }
  @media (forced-colors: active) {
    nav a[aria-current] {
      text-decoration: underline;
      text-decoration-thickness: 3px;
    }
  }
  .end {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.5rem 0.9rem;
    max-width: 100%;
    margin-inline-start: auto;
    font-size: 0.875rem;
  }
  .who {
    max-width: 12rem;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
    font-weight: 600;
  }
  .language {
    width: auto;
    min-height: 36px;
    padding-block: 0;
    padding-inline-start: 0.7rem;
    border: 1px solid var(--line);
    border-radius: var(--radius-small);
    background-color: var(--surface);
    color: var(--ink);
    font: inherit;
    cursor: pointer;
  }
  /* The width of a select is measured by all its words: the fonts of others would be fetched for the names of the languages alone. */
  .language {
    font-family: Inter Variable, system-ui, sans-serif;
  }
  .language:lang(th) {
    font-family: Inter Variable, Noto Sans Thai Variable, system-ui, sans-serif;
  }
  .language:lang(fa) {
    font-family: Inter Variable, Vazirmatn Variable, system-ui, sans-serif;
  }
  main {
    flex: 1;
  }
  main:focus {
    outline: none;
  }
`;
