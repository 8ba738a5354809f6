import { css } from 'lit';
import { shared } from './shared.styles.ts';

export const styles = [
  shared,
  css`
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
    main,
    .connection,
    footer {
      width: 100%;
      max-width: 1180px;
      margin: 0 auto;
      padding-inline: clamp(1rem, 4vw, 2rem);
    }
    header {
      display: flex;
      flex-wrap: wrap;
      align-items: center;
      gap: 0.6rem clamp(1rem, 3vw, 2rem);
      padding-block: 1.1rem;
    }
    .brand {
      display: inline-flex;
      align-items: center;
      gap: 0.55rem;
      font-family: var(--display);
      font-size: 1.35rem;
      font-weight: 780;
      letter-spacing: -0.03em;
      text-decoration: none;
    }
    .brand svg {
      width: 2rem;
      height: 2rem;
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
      padding: 0.45rem 0.8rem;
      border-radius: 99px;
      color: var(--ink-soft);
      font-weight: 550;
      text-decoration: none;
    }
    /* The name of an account may be as long as it likes. */
    .account {
      max-width: min(14rem, 100%);
      overflow: hidden;
      text-overflow: ellipsis;
      white-space: nowrap;
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
    .tools {
      display: flex;
      flex-wrap: wrap;
      gap: 0.6rem;
      margin-inline-start: auto;
    }
    .languages {
      display: inline-flex;
      align-items: center;
      gap: 0.35rem;
      padding-inline: 0.8rem 0.5rem;
      border: 1px solid var(--line);
      border-radius: 99px;
      background: var(--surface);
      color: var(--ink-soft);
    }
    .languages:focus-within {
      outline: 3px solid var(--accent);
      outline-offset: 2px;
    }
    .languages svg {
      width: 1.1rem;
      height: 1.1rem;
      fill: none;
      stroke: currentColor;
      stroke-width: 1.8;
    }
    .languages select {
      min-height: 40px;
      padding: 0;
      border: 0;
      border-radius: 99px;
      outline: none;
      background: none;
      color: var(--ink);
      cursor: pointer;
      font: inherit;
      font-size: 0.8125rem;
      font-weight: 600;
    }
    /* The width of a select is measured by all its words: the fonts of others would be fetched for the names of the languages alone. */
    .languages select {
      font-family: Inter Variable, system-ui, sans-serif;
    }
    .languages select:lang(th) {
      font-family: Inter Variable, Noto Sans Thai Variable, system-ui, sans-serif;
    }
    .languages select:lang(fa) {
      font-family: Inter Variable, Vazirmatn Variable, system-ui, sans-serif;
    }
    .languages option {
      background: var(--surface);
    }
    .offline {
      margin: 0;
      padding: 0.8rem 1rem;
      border-radius: var(--radius-small);
      background: var(--orange-wash);
      color: var(--orange);
    }
    main:focus {
      outline: none;
    }
    main {
      flex: 1;
      /* The footer stays out of sight while the page comes, and has no way to go then. */
      min-height: 100vh;
      padding-block: clamp(0.75rem, 2.5vw, 1.75rem) 4rem;
    }
    footer {
      display: flex;
      flex-wrap: wrap;
      gap: 0.4rem 1.5rem;
      padding-block: 1.5rem;
      color: var(--ink-soft);
      font-size: 0.875rem;
    }
    footer::before {
      flex: 1 0 100%;
      height: 1px;
      margin-bottom: 1rem;
      background: var(--line);
      content: '';
    }
    footer span {
      flex: 1 1 16rem;
    }
    @media (max-width: 560px) {
      nav {
        order: 3;
        width: 100%;
        margin-inline-start: -0.8rem;
      }
    }
  `,
];
