import { css } from 'lit';

/** The arrow of a select, as far from its edge as its words: browsers put theirs at the edge where words run from right to left. */
export const selectArrow = css`
  select {
    appearance: none;
    padding-inline-end: 2rem;
    background-image: linear-gradient(45deg, transparent 38%, currentColor 40% 60%, transparent 62%), linear-gradient(-45deg, transparent 38%, currentColor 40% 60%, transparent 62%);
    background-position:
      right calc(0.8rem + 5px) center,
      right 0.8rem center;
    background-size: 6px 6px;
    background-repeat: no-repeat;
  }
  :host(:lang(fa)) select {
    background-position:
      left 0.8rem center,
      left calc(0.8rem + 5px) center;
  }
`;
