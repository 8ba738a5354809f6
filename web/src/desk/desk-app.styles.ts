import { css } from 'lit';
import { shared } from '../pages/shared.styles.ts';

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
    main {
      width: 100%;
      max-width: 1360px;
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
      margin-inline-start: auto;
      font-size: 0.875rem;
    }
    .who {
      font-weight: 600;
    }
    select {
      min-height: 36px;
      padding: 0 0.4rem;
      border: 1px solid var(--line);
      border-radius: var(--radius-small);
      background: var(--surface);
      color: var(--ink);
      font: inherit;
      cursor: pointer;
    }
    main {
      flex: 1;
      padding-block: clamp(0.5rem, 2vw, 1.25rem) 4rem;
    }
    main:focus {
      outline: none;
    }
    .waiting {
      height: 60vh;
    }
    @media (max-width: 640px) {
      nav {
        order: 3;
        width: 100%;
      }
    }
  `,
];
