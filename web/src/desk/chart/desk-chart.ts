import { css, html, LitElement, nothing, unsafeCSS, type PropertyValues, type TemplateResult } from 'lit';
import uPlot from 'uplot';
import plotStyles from 'uplot/dist/uPlot.min.css?inline';
import { count, LOCALES } from '../../elements/internal/count.ts';

import { LanguageController, type Language } from '../../elements/internal/language.ts';
import { tokens } from '../../elements/internal/tokens.ts';
import { isTimezone } from '../zoned.ts';
import { WORDS } from './words.ts';

const HEIGHT_PX = 260;
const SECONDS_PER_MINUTE = 60;
const SECONDS_PER_DAY = 86_400;
/** Rows of the table beside the picture; those of the end. */
const TABLE_ROWS_MAX = 60;
/** Share of the room between two bars that a bar has, and its greatest width. */
const BARS: [number, number] = [0.72, 48];
const GAP_ON_TOP = 1.08;
/** An axis without values ends there. */
const EMPTY_MAX = { near: 10, far: 1_000 };
/** Steps of an axis, in whole units. */
const STEPS = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();
/** Room for a figure of an axis, and beside the longest text. */
const FIGURE_PX = 7.5;
const BESIDE_PX = 22;

export interface Series {
  label: string;
  values: readonly (number | null)[];
  look: 'bars' | 'line' | 'dashes';
  /** Has the scale at the end of the line, not the one at its beginning. */
  far?: boolean;
  /** Of a value; a plain count without it. */
  words?: (value: number) => string;
}

/**
 * Values over time. Whoever does not see the picture has a table of its last values; the key says which line is which, by
 * colour and by form.
 */
export class DeskChart extends LitElement {
  static override properties = {
    label: {},
    times: { attribute: false },
    series: { attribute: false },
    timezone: {},
    range: { attribute: false },
    under: { state: true },
  };
  static override styles = [
    tokens,
    unsafeCSS(plotStyles),
    css`
      :host {
        display: block;
        min-width: 0;
      }
      figure {
        margin: 0;
      }
      .picture {
        direction: ltr;
        min-height: 260px;
        overflow: hidden;
      }
      figcaption {
        display: flex;
        flex-wrap: wrap;
        gap: 0.25rem 1.25rem;
        min-height: 1.6rem;
        color: var(--ink-soft);
        font-size: 0.8125rem;
        font-variant-numeric: tabular-nums;
      }
      figcaption span {
        display: inline-flex;
        align-items: center;
        gap: 0.45rem;
      }
      figcaption b {
        color: var(--ink);
        font-weight: 650;
      }
      /* The picture takes its colours from these, and a colour that changes by and by would be read on its way. */
      i,
      .probe {
        transition: none !important;
      }
      i {
        width: 1rem;
        height: 0;
        border-block-start: 3px solid currentColor;
        color: var(--accent);
      }
      i.bars {
        height: 0.75rem;
        width: 0.75rem;
        border: 0;
        border-radius: 3px;
        background: currentColor;
        forced-color-adjust: none;
      }
      i.line {
        color: var(--orange);
      }
      i.dashes {
        border-block-start-style: dashed;
        color: var(--green);
      }
      .probe {
        position: absolute;
        width: 0;
        height: 0;
        color: var(--ink-soft);
        visibility: hidden;
      }
      .probe.grid {
        color: var(--line);
      }
    `,
  ];

  declare label: string;
  /** Seconds since 1970. */
  declare times: readonly number[];
  declare series: readonly Series[];
  declare timezone: string;
  /** The first and the last second that are shown; without it those of `times`. */
  declare range: readonly [number, number] | undefined;
  /** The place in `times` that the pointer is over. */
  declare under: number | undefined;

  readonly #language = new LanguageController(this);
  readonly #dark = matchMedia('(prefers-color-scheme: dark)');
  #plot: uPlot | undefined;
  /** The picture is made anew where this is another one; values alone are given to the one that is there. */
  #made = '';
  #resize: ResizeObserver | undefined;

  constructor() {
    super();
    this.label = '';
    this.times = [];
    this.series = [];
    this.timezone = 'UTC';
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#dark.addEventListener('change', this.#repaint);
    this.#resize = new ResizeObserver(() => this.#fit());
    this.#resize.observe(this);
  }

  override disconnectedCallback(): void {
    this.#dark.removeEventListener('change', this.#repaint);
    this.#resize?.disconnect();
    this.#end();
    super.disconnectedCallback();
  }

  override render(): TemplateResult {
    const at = this.under === undefined ? undefined : this.times[this.under];
    return html`<figure aria-label=${this.label}>
      <figcaption>
        ${this.series.map(({ label, look, values, words }) => {
          const value = this.under === undefined ? undefined : values[this.under];
          return html`<span><i class=${look}></i>${label}${typeof value === 'number' ? html` <b>${this.#words(words, value)}</b>` : nothing}</span>`;
        })}
        ${at === undefined ? nothing : html`<span>${this.#moment(at)}</span>`}
      </figcaption>
      <div class="picture" aria-hidden="true"></div>
      <span class="probe" aria-hidden="true"></span><span class="probe grid" aria-hidden="true"></span>
      ${this.#table()}
    </figure>`;
  }

  #table(): TemplateResult {
    const from = Math.max(0, this.times.length - TABLE_ROWS_MAX);
    // A table of its own would be as high as its rows, seen or not.
    return html`<div class="visually-hidden"><table>
      <caption>
        ${this.label}
      </caption>
      <thead>
        <tr>
          <th scope="col">${WORDS[this.#language.language].time}</th>
          ${this.series.map(({ label }) => html`<th scope="col">${label}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${this.times.slice(from).map(
          (time, place) =>
            html`<tr>
              <th scope="row">${this.#moment(time)}</th>
              ${this.series.map(({ values, words }) => html`<td>${typeof values[from + place] === 'number' ? this.#words(words, values[from + place]!) : '–'}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table></div>`;
  }

  protected override updated(changed: PropertyValues<this>): void {
    const made = JSON.stringify([this.series.map(({ label, look, far }) => [label, look, far]), this.timezone, this.#language.language, this.range]);
    if (made !== this.#made || !this.#plot) {
      this.#made = made;
      this.#begin();
    } else if (changed.has('times') || changed.has('series')) {
      this.#plot.setData(this.#data());
    }
  }

  #data(): uPlot.AlignedData {
    return [this.times as number[], ...this.series.map(({ values }) => values as (number | null)[])];
  }

  #begin(): void {
    this.#end();
    const into = this.renderRoot.querySelector<HTMLElement>('.picture');
    if (!into || this.clientWidth === 0) return;
    const [ink, grid] = [...this.renderRoot.querySelectorAll('.probe')].map((probe) => getComputedStyle(probe).color);
    const colours = [...this.renderRoot.querySelectorAll('figcaption i')].map((key) => getComputedStyle(key).color);
    const { language } = this.#language;
    const zone = isTimezone(this.timezone) ? this.timezone : 'UTC';
    const axis: uPlot.Axis = { stroke: ink ?? '', grid: { stroke: grid ?? '', width: 1 }, ticks: { stroke: grid ?? '', width: 1 }, font: '12px system-ui' };
    const ofScale = (far: boolean): Series | undefined => this.series.find((one) => (one.far ?? false) === far);
    const value = (far: boolean) => (_plot: uPlot, splits: number[]): string[] => splits.map((split) => this.#words(ofScale(far)?.words, split));
    const upTo = (scale: 'near' | 'far') => (_plot: uPlot, _min: number, max: number): [number, number] => [0, max > 0 ? max * GAP_ON_TOP : EMPTY_MAX[scale]];
    const size = (_plot: uPlot, texts: string[] | null): number => Math.max(0, ...(texts ?? []).map((text) => text.length)) * FIGURE_PX + BESIDE_PX;
    const { range } = this;
    this.#plot = new uPlot(
      {
        width: this.clientWidth,
        height: HEIGHT_PX,
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), zone),
        legend: { show: false },
        cursor: { drag: { x: false, y: false }, y: false },
        scales: { x: { time: true, range: () => (range ? [range[0], range[1]] : this.#rangeOf()) }, near: { range: upTo('near') }, far: { range: upTo('far') } },
        axes: [
          { ...axis, values: (_plot, splits, _axis, _space, step) => splits.map((split) => axisTime(language, zone, split, step)) },
          { ...axis, scale: 'near', size, incrs: STEPS, values: value(false) },
          ...(ofScale(true) ? [{ ...axis, scale: 'far', side: 1 as const, size, incrs: STEPS, grid: { show: false }, values: value(true) }] : []),
        ],
        series: [{}, ...this.series.map((series, place) => lookOf(series, colours[place] ?? ''))],
        hooks: { setCursor: [({ cursor }) => (this.under = cursor.idx ?? undefined)] },
      },
      this.#data(),
      into,
    );
  }

  /** A bar at an end is shown whole. */
  #rangeOf(): [number, number] {
    const [first = 0, second = first + 1] = this.times;
    const last = this.times.at(-1) ?? second;
    const half = this.series.some(({ look }) => look === 'bars') ? (second - first) / 2 : 0;
    return [first - half, Math.max(last, first + 1) + half];
  }

  #end(): void {
    this.#plot?.destroy();
    this.#plot = undefined;
  }

  #fit(): void {
    if (!this.#plot) return this.hasUpdated ? this.#begin() : undefined;
    if (this.clientWidth > 0 && this.#plot.width !== this.clientWidth) this.#plot.setSize({ width: this.clientWidth, height: HEIGHT_PX });
  }

  readonly #repaint = (): void => this.#begin();

  #words(words: ((value: number) => string) | undefined, value: number): string {
    return words ? words(value) : count(this.#language.language, value);
  }

  #moment(seconds: number): string {
    const zone = isTimezone(this.timezone) ? this.timezone : 'UTC';
    return formatOf(this.#language.language, zone, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }).format(seconds * 1_000);
  }
}

function lookOf({ look, far = false, label }: Series, colour: string): uPlot.Series {
  const scale = far ? 'far' : 'near';
  if (look === 'bars') {
    const paths = uPlot.paths.bars?.({ size: BARS, radius: 0.15 });
    return { label, scale, fill: colour, stroke: colour, width: 0, points: { show: false }, ...(paths ? { paths } : {}) };
  }
  const paths = uPlot.paths.stepped?.({ align: 1 });
  return { label, scale, stroke: colour, width: 2, points: { show: false }, ...(look === 'dashes' ? { dash: [8, 5] } : {}), ...(paths ? { paths } : {}) };
}

/** A day where the axis goes by days, else the time, as exactly as its steps are. */
function axisTime(language: Language, zone: string, seconds: number, step: number): string {
  const minutes: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit' };
  const shown: Intl.DateTimeFormatOptions =
    step >= SECONDS_PER_DAY
      ? { day: 'numeric', month: 'short' }
      : step >= SECONDS_PER_MINUTE
        ? minutes
        : step >= 1
          ? { ...minutes, second: '2-digit' }
          : { minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 };
  return formatOf(language, zone, shown).format(seconds * 1_000);
}

/** Formats are dear to make, so each is made once. */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(language: Language, timeZone: string, shown: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${language} ${timeZone} ${Object.keys(shown).join()}`;
  let format = formats.get(key);
  if (!format) formats.set(key, (format = new Intl.DateTimeFormat(LOCALES[language], { timeZone, ...shown })));
  return format;
}

customElements.define('desk-chart', DeskChart);
