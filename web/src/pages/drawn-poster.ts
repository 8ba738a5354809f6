/**
 * Artwork for events that bring no picture: a duotone motif, always the same for the same event.
 * Drawn here, so that a page without images still looks like one with posters.
 */
import { html, svg, type TemplateResult } from 'lit';

/** Ground, shapes, highlight. */
const TONES: readonly [string, string, string][] = [
  ['#1f2a8c', '#4c5cf0', '#ffb454'],
  ['#5c1438', '#c2386b', '#ffd2b8'],
  ['#0c4a4e', '#1d9a8a', '#ffe08a'],
  ['#3b1d66', '#8d4fd6', '#8ff0d0'],
  ['#7a2a10', '#e0662f', '#ffe2a8'],
  ['#143a5c', '#2f86c9', '#ff9e9e'],
];

type Motif = (random: () => number, tones: readonly [string, string, string]) => TemplateResult;

const waves: Motif = (random, [, shape, light]) => {
  const x = 110 + random() * 180;
  const y = 150 + random() * 60;
  const rings = Array.from({ length: 9 }, (_, index) => 26 + index * 25);
  return svg`
    ${rings.map((radius, index) => svg`<circle cx=${x} cy=${y} r=${radius} fill="none" stroke=${shape} stroke-width=${13 - index} />`)}
    <circle cx=${x} cy=${y} r="15" fill=${light} />`;
};

const curtain: Motif = (random, [, shape, light]) => {
  const folds = Array.from({ length: 9 }, (_, index) => index * 50 - 10 + random() * 14);
  return svg`
    ${folds.map((x) => svg`<path d="M${x} -10 q${26 + random() * 18} 120 ${-6 + random() * 16} 260 h24 q${14 + random() * 14} -140 ${6} -260 z" fill=${shape} opacity=${0.45 + random() * 0.5} />`)}
    <ellipse cx=${120 + random() * 160} cy="236" rx="150" ry="26" fill=${light} opacity="0.9" />`;
};

const dots: Motif = (random, [, shape, light]) => {
  const focus = [random() * 8, random() * 5] as const;
  const cells = Array.from({ length: 9 * 6 }, (_, index) => [index % 9, Math.floor(index / 9)] as const);
  const lit = Math.floor(random() * cells.length);
  return svg`${cells.map(([column, row], index) => {
    const near = Math.hypot(column - focus[0], row - focus[1]);
    return svg`<circle cx=${22 + column * 45} cy=${12 + row * 44} r=${Math.max(3, 19 - near * 2.6)} fill=${index === lit ? light : shape} />`;
  })}`;
};

const beams: Motif = (random, [, shape, light]) => {
  const sources = [70 + random() * 50, 200, 290 + random() * 50];
  return svg`
    ${sources.map((x, index) => {
      const lean = (random() - 0.5) * 240;
      return svg`<polygon points="${x - 7},-5 ${x + 7},-5 ${x + lean + 70},250 ${x + lean - 70},250" fill=${index === 1 ? light : shape} opacity="0.75" />`;
    })}
    <rect y="205" width="400" height="40" fill=${shape} opacity="0.55" />`;
};

const MOTIFS: readonly Motif[] = [waves, dots, beams, curtain];
const BY_CATEGORY: Record<string, Motif> = {
  concert: waves,
  music: waves,
  festival: beams,
  theatre: curtain,
  theater: curtain,
  opera: curtain,
  conference: dots,
  technology: dots,
  tech: dots,
};

export function drawnPoster(event: { id: number; category: string }): TemplateResult {
  const random = randomFrom(event.id);
  const tones = TONES[event.id % TONES.length] ?? TONES[0]!;
  const motif = BY_CATEGORY[event.category.toLowerCase()] ?? MOTIFS[event.id % MOTIFS.length] ?? waves;
  return html`<svg viewBox="0 0 400 240" preserveAspectRatio="xMidYMid slice" aria-hidden="true">
    <rect width="400" height="240" fill=${tones[0]} />
    ${motif(random, tones)}
  </svg>`;
}

/** Uniform in [0, 1), from a seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
