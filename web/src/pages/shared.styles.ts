import { css } from 'lit';
import { buttons } from '../elements/internal/controls.ts';
import { skeleton, tokens } from '../elements/internal/tokens.ts';

/** Styles that the pages share: headings, the measure, messages in place of content. */
export const shared = [
  tokens,
  buttons,
  skeleton,
  css`
    h1,
    h2 {
      margin: 0;
      font-family: var(--display);
      font-weight: 750;
      letter-spacing: -0.02em;
      line-height: 1.1;
      text-wrap: balance;
      overflow-wrap: anywhere;
    }
    /* Titles and places are as long as people write them. */
    bdi {
      overflow-wrap: anywhere;
    }
    h1:focus {
      outline: none;
    }
    h1 {
      font-size: clamp(2rem, 5vw, 3.25rem);
    }
    h2 {
      font-size: 1.5rem;
    }
    a {
      color: inherit;
    }
    /* Letters of these scripts are joined, or carry marks above and below. */
    :host(:lang(fa)) *,
    :host(:lang(th)) * {
      letter-spacing: normal;
    }
    :host(:lang(fa)) :is(h1, h2),
    :host(:lang(th)) :is(h1, h2) {
      line-height: 1.35;
    }
    .poster {
      position: relative;
      overflow: hidden;
    }
    .poster > * {
      position: absolute;
      inset: 0;
      width: 100%;
      height: 100%;
      object-fit: cover;
    }
    .poster > .broken {
      opacity: 0;
    }
    .message {
      display: grid;
      justify-items: center;
      gap: 0.9rem;
      padding: 4rem 1rem;
      border: 1px dashed var(--line-strong);
      border-radius: var(--radius);
      color: var(--ink-soft);
      text-align: center;
      overflow-wrap: anywhere;
    }
    .message p {
      margin: 0;
      max-width: 34rem;
    }
    .message h1,
    .message strong {
      display: block;
      color: var(--ink);
      font-family: var(--display);
      font-size: 1.35rem;
    }
  `,
];
