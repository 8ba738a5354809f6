import { css } from 'lit';

/** The arrow of a select, as far from its edge as its words: browsers put theirs at the edge where words run from right to left. */
export const selectArrow = css`
  select {
    appearance: none;
    padding-inline-end: 2rem;
    background-image: linear-gradient(45deg, transparent 50%, currentColor 50%), linear-gradient(-45deg, transparent 50%, currentColor 50%);
    background-position:
      right calc(0.85rem + 5px) top calc(50% + 1px),
      right 0.85rem top calc(50% + 1px);
    background-size: 5px 5px;
    background-repeat: no-repeat;
  }
  select:dir(rtl) {
    background-position:
      left 0.85rem top calc(50% + 1px),
      left calc(0.85rem + 5px) top calc(50% + 1px);
  }
`;
