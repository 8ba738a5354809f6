/** The result of a scan as it is seen from an arm's length: a colour, a shape and a word of its own each. */
import { css, html, nothing, svg, type SVGTemplateResult, type TemplateResult } from 'lit';
import { momentWords } from '../elements/internal/format.ts';
import type { Language } from '../elements/internal/language.ts';
import type { KeptScan } from './journal.ts';
import { WORDS } from './words.ts';

export type ShownResult = keyof (typeof WORDS)['en']['result'];

const SHAPES: Record<ShownResult, SVGTemplateResult> = {
  admitted: svg`<circle cx="32" cy="32" r="28"/><path class="sign" d="M19 33l9 9 17-19"/>`,
  already_used: svg`<path d="M32 4l30 54H2z"/><path class="sign" d="M32 24v15m0 7v1"/>`,
  void: svg`<path d="M21 4h22l17 17v22L43 60H21L4 43V21z"/><path class="sign" d="M22 22l20 20m0-20L22 42"/>`,
  replaced: svg`<rect x="4" y="10" width="56" height="44" rx="8"/><path class="sign" d="M18 26h27l-7-7m8 19H19l7 7"/>`,
  wrong_event: svg`<path d="M4 14h36l20 18-20 18H4z"/><path class="sign" d="M16 32h24m-9-9l9 9-9 9"/>`,
  unknown: svg`<path d="M32 3l29 29-29 29L3 32z"/><path class="sign" d="M25 26c0-9 14-9 14 0 0 6-7 5-7 11m0 7v1"/>`,
  unchecked: svg`<rect class="open" x="6" y="6" width="52" height="52" rx="26"/><path class="sign" d="M20 32h24"/>`,
};

/** Scans whose nonce was used by something else are looked at anew. */
export function resultOf({ merged, result }: KeptScan): ShownResult {
  const last = merged?.result ?? result ?? 'unchecked';
  return last === 'nonce_reused' ? 'unchecked' : last;
}

/** The result as it was shown at the door, whatever the server said later. */
export function shownResultOf({ result }: KeptScan): ShownResult {
  return result === undefined || result === 'nonce_reused' ? 'unchecked' : result;
}

export function shape(result: ShownResult): TemplateResult {
  return html`<svg class="shape" viewBox="0 0 64 64" aria-hidden="true">${SHAPES[result]}</svg>`;
}

export function verdict(language: Language, scan: KeptScan): TemplateResult {
  const words = WORDS[language];
  const result = shownResultOf(scan);
  return html`<div class="verdict ${result}">
    ${shape(result)}
    <div class="words">
      <strong>${words.result[result]}</strong>
      <span>${adviceOf(language, scan, result)}</span>
      ${scan.name ? html`<b>${scan.name}</b>` : nothing} ${scan.type ? html`<span>${scan.type}</span>` : nothing}
      ${scan.isUnlisted ? html`<span>${words.unlisted}</span>` : nothing}
      ${codeOf(scan) ? html`<span class="code">${codeOf(scan)}</span>` : nothing}
    </div>
  </div>`;
}

function adviceOf(language: Language, { at, at_gate: gate }: KeptScan, result: ShownResult): string {
  const words = WORDS[language];
  if (result !== 'already_used') return words.advice[result];
  return at ? words.usedAt(momentWords(language, at), gate ?? null) : words.usedSomewhere;
}

export function codeOf({ code, shown }: KeptScan): string | undefined {
  return code || ('code' in shown && shown.code) || undefined;
}

export const verdictStyles = css`
  .verdict {
    --on: #fff;
    display: flex;
    align-items: center;
    gap: clamp(1rem, 4vw, 1.75rem);
    min-height: 11rem;
    padding: clamp(1rem, 4vw, 1.75rem);
    border: 4px solid transparent;
    border-radius: calc(var(--radius) * 1.4);
    background: #3f3d4a;
    color: var(--on);
    animation: arrive 140ms ease-out;
  }
  .verdict.admitted {
    background: #0d6a3b;
  }
  .verdict.already_used {
    background: #8a4500;
  }
  .verdict.void {
    background: #a11527;
  }
  .verdict.replaced {
    background: #6a2390;
  }
  .verdict.wrong_event {
    background: #1c4aa8;
  }
  @keyframes arrive {
    from {
      transform: scale(0.97);
      opacity: 0.4;
    }
  }
  .verdict .shape {
    flex: none;
    width: clamp(5rem, 24vw, 9rem);
  }
  .shape {
    fill: currentColor;
  }
  .shape .sign {
    fill: none;
    stroke: var(--shape-ground, var(--paper));
    stroke-linecap: round;
    stroke-linejoin: round;
    stroke-width: 6;
  }
  .shape .open {
    fill: none;
    stroke: currentColor;
    stroke-dasharray: 9 7;
    stroke-width: 5;
  }
  .shape .open + .sign {
    stroke: currentColor;
  }
  .verdict.admitted {
    --shape-ground: #0d6a3b;
  }
  .verdict.already_used {
    --shape-ground: #8a4500;
  }
  .verdict.void {
    --shape-ground: #a11527;
  }
  .verdict.replaced {
    --shape-ground: #6a2390;
  }
  .verdict.wrong_event {
    --shape-ground: #1c4aa8;
  }
  .verdict.unknown {
    --shape-ground: #3f3d4a;
  }
  .verdict .words {
    display: grid;
    gap: 0.15rem;
    min-width: 0;
    font-size: 1.0625rem;
    overflow-wrap: anywhere;
  }
  .verdict strong {
    font-family: var(--display);
    font-size: clamp(2rem, 8vw, 3.25rem);
    font-weight: 780;
    letter-spacing: -0.02em;
    line-height: 1.05;
    text-wrap: balance;
  }
  .verdict b {
    font-size: 1.35rem;
    line-height: 1.25;
  }
  .verdict .code {
    font-size: 0.9375rem;
    font-variant-numeric: tabular-nums;
  }
  @media (max-width: 359px) {
    .verdict {
      gap: 0.75rem;
      padding-inline: 0.75rem;
    }
    .verdict .shape {
      width: 4.25rem;
    }
  }
  @media (forced-colors: active) {
    .verdict {
      border-color: CanvasText;
    }
    .shape .sign {
      stroke: Canvas;
    }
  }
`;
