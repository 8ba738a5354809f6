import { css } from 'lit';
import { core } from './core-tokens.ts';

export { skeleton } from './core-tokens.ts';

/** The colours and measures of elements that have buttons and surfaces, beside those that all share. */
export const tokens = [
  core,
  css`
    :host {
      --paper: var(--seatcast-paper, light-dark(#f7f5f0, #131217));
      --surface: var(--seatcast-surface, light-dark(#ffffff, #1c1b22));
      --line-strong: var(--seatcast-line-strong, light-dark(#8d8898, #6f6b7c));
      --accent: var(--seatcast-accent, light-dark(#3340d1, #a3adff));
      --accent-strong: var(--seatcast-accent-strong, light-dark(#2630a8, #bcc4ff));
      --accent-wash: var(--seatcast-accent-wash, light-dark(#e9ebfd, #272a4a));
      --on-accent: var(--seatcast-on-accent, light-dark(#ffffff, #14142b));
      --radius: var(--seatcast-radius, 14px);
      --shadow: var(
        --seatcast-shadow,
        0 1px 2px light-dark(rgb(30 25 50 / 0.06), rgb(0 0 0 / 0.4)),
        0 6px 20px light-dark(rgb(30 25 50 / 0.06), rgb(0 0 0 / 0.25))
      );
      --display: var(--seatcast-font-display, 'Bricolage Grotesque Variable', var(--text));
    }

    :where(a) {
      color: inherit;
    }

    :focus-visible {
      outline: 3px solid var(--accent);
      outline-offset: 2px;
    }
  `,
];
