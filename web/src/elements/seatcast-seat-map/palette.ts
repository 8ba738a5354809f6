/** The colours of the style sheet as the map can use them: light, dark, forced. */
import { TYPE_LOOKS, type Palette } from './looks.ts';

/** Colours of the seats, and those that words and shapes are drawn with. */
export interface Colours extends Palette {
  ink: string;
  inkSoft: string;
  surface: string;
  onSeat: string;
  section: string;
  line: string;
  font: string;
  /** Of the words around the map. */
  direction: CanvasDirection;
}

/** The looks of a page that this one can change to while the map is open. */
export const LOOKS = ['(prefers-color-scheme: dark)', '(forced-colors: active)', '(prefers-contrast: more)'];

export function coloursOf(host: HTMLElement): Colours {
  const probe = document.createElement('span');
  probe.className = 'probe';
  host.shadowRoot?.append(probe);
  const style = getComputedStyle(probe);
  const colour = (name: string): string => {
    probe.style.color = `var(${name})`;
    return style.color;
  };
  const pixel = pixelReader();
  const bits = (name: string): number => pixel(colour(name));
  const colours = {
    types: Array.from({ length: TYPE_LOOKS }, (_, index) => bits(`--seat-${index + 1}`)),
    dimmed: bits('--seat-dimmed'),
    held: bits('--seat-held'),
    sold: bits('--seat-sold'),
    blocked: bits('--seat-blocked'),
    chosen: bits('--ink'),
    onChosen: bits('--surface'),
    ink: colour('--ink'),
    inkSoft: colour('--ink-soft'),
    surface: colour('--surface'),
    onSeat: colour('--on-accent'),
    section: colour('--section'),
    line: colour('--line'),
    font: style.fontFamily,
    direction: (style.direction === 'rtl' ? 'rtl' : 'ltr') as CanvasDirection,
  };
  probe.remove();
  return colours;
}

/** Reads a colour, however it is written, as a canvas keeps it. */
function pixelReader(): (colour: string) => number {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 1;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  return (colour) => {
    if (!context) return 0;
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [red = 0, green = 0, blue = 0, alpha = 0] = context.getImageData(0, 0, 1, 1).data;
    return (red | (green << 8) | (blue << 16) | (alpha << 24)) >>> 0;
  };
}
