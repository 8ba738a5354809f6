import { css } from 'lit';

/**
 * The colours and measures that all elements share, even the smallest. A page overrides one by setting the
 * `--seatcast-…` property of the same name on any ancestor; dark mode follows `color-scheme`.
 *
 * Text colours have a contrast of at least 4.5 : 1 on the surfaces they are used on.
 */
export const core = css`
  :host {
    --sunken: var(--seatcast-sunken, light-dark(#f0ede6, #26252e));
    --line: var(--seatcast-line, light-dark(#e3ded3, #363440));
    --ink: var(--seatcast-ink, light-dark(#1a1922, #f4f2ed));
    --ink-soft: var(--seatcast-ink-soft, light-dark(#5b5866, #aeaaba));

    --green: var(--seatcast-green, light-dark(#12663a, #7fdca4));
    --green-wash: var(--seatcast-green-wash, light-dark(#def3e5, #17321f));
    --yellow: var(--seatcast-yellow, light-dark(#735000, #f3d165));
    --yellow-wash: var(--seatcast-yellow-wash, light-dark(#fcefc0, #383010));
    --orange: var(--seatcast-orange, light-dark(#963c05, #ffae78));
    --orange-wash: var(--seatcast-orange-wash, light-dark(#ffe4d1, #422610));
    --red: var(--seatcast-red, light-dark(#a11d2c, #ff9ea5));
    --red-wash: var(--seatcast-red-wash, light-dark(#fde2e2, #431b20));

    --radius-small: var(--seatcast-radius-small, 9px);
    --text: var(--seatcast-font, 'Inter Variable', system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif);

    color: var(--ink);
    font-family: var(--text);
    font-size: 1rem;
    line-height: 1.5;
  }

  /* An element may speak another language than the page around it. */
  :host([lang]) {
    direction: ltr;
  }
  :host(:lang(fa)) {
    direction: rtl;
  }

  *,
  ::before,
  ::after {
    box-sizing: border-box;
  }

  [hidden] {
    display: none !important;
  }

  .visually-hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }

  @media (prefers-reduced-motion: reduce) {
    *,
    ::before,
    ::after {
      animation-duration: 0.01ms !important;
      animation-iteration-count: 1 !important;
      transition: none !important;
    }
  }
`;

/** A surface that shimmers where content will be. */
export const skeleton = css`
  .skeleton {
    display: block;
    border-radius: var(--radius-small);
    background: linear-gradient(100deg, var(--sunken) 40%, var(--line) 50%, var(--sunken) 60%) 0 0 / 300% 100%;
    animation: shimmer 1.6s linear infinite;
  }
  @keyframes shimmer {
    from {
      background-position: 100% 0;
    }
    to {
      background-position: 0 0;
    }
  }
`;
