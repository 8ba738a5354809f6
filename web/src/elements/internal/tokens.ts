import { css } from 'lit';

/**
 * The colours and measures that the elements share. A page overrides one by setting the
 * `--seatcast-…` property of the same name on any ancestor; dark mode follows `color-scheme`.
 *
 * Text colours have a contrast of at least 4.5 : 1 on the surfaces they are used on.
 */
export const tokens = css`
  :host {
    --paper: var(--seatcast-paper, light-dark(#f7f5f0, #131217));
    --surface: var(--seatcast-surface, light-dark(#ffffff, #1c1b22));
    --sunken: var(--seatcast-sunken, light-dark(#f0ede6, #26252e));
    --line: var(--seatcast-line, light-dark(#e3ded3, #363440));
    --line-strong: var(--seatcast-line-strong, light-dark(#8d8898, #6f6b7c));
    --ink: var(--seatcast-ink, light-dark(#1a1922, #f4f2ed));
    --ink-soft: var(--seatcast-ink-soft, light-dark(#5b5866, #aeaaba));
    --accent: var(--seatcast-accent, light-dark(#3340d1, #a3adff));
    --accent-strong: var(--seatcast-accent-strong, light-dark(#2630a8, #bcc4ff));
    --accent-wash: var(--seatcast-accent-wash, light-dark(#e9ebfd, #272a4a));
    --on-accent: var(--seatcast-on-accent, light-dark(#ffffff, #14142b));

    --green: var(--seatcast-green, light-dark(#12663a, #7fdca4));
    --green-wash: var(--seatcast-green-wash, light-dark(#def3e5, #17321f));
    --yellow: var(--seatcast-yellow, light-dark(#735000, #f3d165));
    --yellow-wash: var(--seatcast-yellow-wash, light-dark(#fcefc0, #383010));
    --orange: var(--seatcast-orange, light-dark(#963c05, #ffae78));
    --orange-wash: var(--seatcast-orange-wash, light-dark(#ffe4d1, #422610));
    --red: var(--seatcast-red, light-dark(#a11d2c, #ff9ea5));
    --red-wash: var(--seatcast-red-wash, light-dark(#fde2e2, #431b20));

    --radius: var(--seatcast-radius, 14px);
    --radius-small: var(--seatcast-radius-small, 9px);
    --shadow: var(
      --seatcast-shadow,
      0 1px 2px light-dark(rgb(30 25 50 / 0.06), rgb(0 0 0 / 0.4)),
      0 6px 20px light-dark(rgb(30 25 50 / 0.06), rgb(0 0 0 / 0.25))
    );
    --text: var(--seatcast-font, 'Inter Variable', system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif);
    --display: var(--seatcast-font-display, 'Bricolage Grotesque Variable', var(--text));

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

  :focus-visible {
    outline: 3px solid var(--accent);
    outline-offset: 2px;
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
      transition-duration: 0.01ms !important;
    }
  }
`;

/** Buttons, the same everywhere. */
export const buttons = css`
  button {
    font: inherit;
    color: inherit;
    cursor: pointer;
  }
  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 0.5rem;
    min-height: 44px;
    padding: 0.55rem 1.1rem;
    border: 1px solid var(--line-strong);
    border-radius: var(--radius-small);
    background: var(--surface);
    font-weight: 600;
    text-decoration: none;
    transition:
      background 120ms,
      border-color 120ms;
  }
  .button:hover:not(:disabled) {
    background: var(--sunken);
  }
  .button.primary {
    border-color: transparent;
    background: var(--accent);
    color: var(--on-accent);
  }
  .button.primary:hover:not(:disabled) {
    background: var(--accent-strong);
  }
  .button.small {
    min-height: 36px;
    padding: 0.3rem 0.8rem;
    font-size: 0.875rem;
  }
  .button:disabled {
    border-color: transparent;
    background: var(--sunken);
    color: var(--ink-soft);
    cursor: not-allowed;
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

/** A form's fields, each in its label. */
export const fields = css`
  label {
    display: grid;
    gap: 0.2rem;
    color: var(--ink-soft);
    font-size: 0.8125rem;
  }
  input {
    min-height: 44px;
    padding: 0.4rem 0.7rem;
    border: 1px solid var(--line-strong);
    border-radius: var(--radius-small);
    background: var(--paper);
    color: var(--ink);
    font: inherit;
  }
`;

/** A refusal in place, and the sign that something is under way. */
export const notes = css`
  .problem {
    margin: 0;
    padding: 0.65rem 0.85rem;
    border-radius: var(--radius-small);
    background: var(--red-wash);
    color: var(--red);
    font-size: 0.9375rem;
  }
  .problem:empty {
    display: none;
  }
  .spinner {
    flex: none;
    width: 1rem;
    height: 1rem;
    border: 2px solid currentColor;
    border-right-color: transparent;
    border-radius: 50%;
    animation: turn 700ms linear infinite;
  }
  @keyframes turn {
    to {
      transform: rotate(1turn);
    }
  }
`;
