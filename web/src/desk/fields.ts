/** Fields of forms, each with its label, its hint, and the fault that the server or the form found in it. */
import { html, nothing, type TemplateResult } from 'lit';
import { languageOf, type Language } from '../elements/internal/language.ts';
import { Refusal } from '../sdk/index.ts';
import { numberText } from './amounts.ts';
import type { Said } from './said.ts';

/** By the field's name. */
export type Faults = Readonly<Record<string, Said>>;
/** The same in one language, as fields show them. */
export type FaultWords = Readonly<Record<string, string>>;

export const NO_FAULTS = {} as const;

/** The faults that the server found, by field; undefined: the refusal is about something else. */
export function faultsIn(error: unknown): Faults | undefined {
  if (!(error instanceof Refusal) || !Array.isArray(error.data['errors'])) return undefined;
  const errors = error.data['errors'] as { field: string; message: string }[];
  return Object.fromEntries(errors.map(({ field, message }) => [field, () => message]));
}

export function inWords(faults: Faults, language: Language): FaultWords {
  return Object.fromEntries(Object.entries(faults).map(([field, fault]) => [field, fault(language)]));
}

interface Described {
  name: string;
  label: string;
  hint?: string;
  required?: boolean;
  /** Takes a row of its own. */
  whole?: boolean;
}

export interface TextField extends Described {
  value?: string | number | null | undefined;
  type?: 'text' | 'url' | 'number' | 'datetime-local' | 'color';
  min?: number;
  max?: number;
  maxlength?: number;
  /** The id of a `datalist`. */
  list?: string;
  /** The keys that a keyboard on a screen offers. */
  inputmode?: 'decimal' | 'numeric';
  /** Long text. */
  lines?: boolean;
}

export function textField(faults: FaultWords, field: TextField): TemplateResult {
  const { name, value, type = 'text', required = false } = field;
  const fault = faults[name];
  const described = describedBy(field, fault);
  const isNumber = type === 'number' || field.inputmode !== undefined;
  const shown = isNumber ? numberText(languageOf(document.documentElement), value ?? '') : (value ?? '');
  const control = field.lines
    ? html`<textarea id=${name} name=${name} dir="auto" maxlength=${field.maxlength ?? nothing} ?required=${required} aria-invalid=${fault ? 'true' : nothing} aria-describedby=${described} .defaultValue=${String(value ?? '')}></textarea>`
    : html`<input
        id=${name}
        name=${name}
        type=${type === 'number' ? 'text' : type}
        dir=${type === 'text' && !isNumber ? 'auto' : nothing}
        inputmode=${field.inputmode ?? (type === 'number' ? 'numeric' : nothing)}
        value=${shown}
        maxlength=${field.maxlength ?? nothing}
        list=${field.list ?? nothing}
        ?required=${required}
        aria-invalid=${fault ? 'true' : nothing}
        aria-describedby=${described}
        autocomplete="off"
      />`;
  return around(field, fault, control);
}

export interface Choice {
  value: string;
  label: string;
}

export function choiceField(faults: FaultWords, field: Described & { value: string; choices: readonly Choice[]; changed?: (value: string) => void }): TemplateResult {
  const { name, value, choices, changed } = field;
  const fault = faults[name];
  const control = html`<select
    id=${name}
    name=${name}
    aria-invalid=${fault ? 'true' : nothing}
    aria-describedby=${describedBy(field, fault)}
    @change=${(event: Event) => changed?.((event.target as HTMLSelectElement).value)}
  >
    ${choices.map((choice) => html`<option value=${choice.value} ?selected=${choice.value === value}>${choice.label}</option>`)}
  </select>`;
  return around(field, fault, control);
}

export function tickField({ name, label, value, whole = false }: { name: string; label: string; value: boolean; whole?: boolean }): TemplateResult {
  return html`<label class="tick ${whole ? 'whole' : ''}"><input type="checkbox" name=${name} ?checked=${value} />${label}</label>`;
}

function around({ name, label, hint, whole }: Described, fault: string | undefined, control: TemplateResult): TemplateResult {
  return html`<div class="field ${whole ? 'whole' : ''}">
    <label for=${name}>${label}</label>
    ${control} ${hint ? html`<span class="hint" id="${name}-hint">${hint}</span>` : nothing}
    ${fault ? html`<span class="fault" id="${name}-fault">${fault}</span>` : nothing}
  </div>`;
}

function describedBy({ name, hint }: Described, fault: string | undefined): string | typeof nothing {
  const ids = [hint && `${name}-hint`, fault && `${name}-fault`].filter(Boolean);
  return ids.length > 0 ? ids.join(' ') : nothing;
}

/** The fields of a form that is sent; the page stays. */
export class Typed {
  readonly #data: FormData;

  constructor(event: SubmitEvent) {
    event.preventDefault();
    this.#data = new FormData(event.target as HTMLFormElement);
  }

  text(name: string): string {
    return String(this.#data.get(name) ?? '').trim();
  }

  /** Of a tick. */
  is(name: string): boolean {
    return this.#data.has(name);
  }

  all(name: string): string[] {
    return this.#data.getAll(name).map(String);
  }
}

/** Shows in a form that was submitted what the page gives its fields by then, but for those in which somebody has typed since. */
export function resetLater(form: HTMLFormElement): () => void {
  const fields = [...form.elements].filter((field) => field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement);
  const filled = (field: HTMLInputElement | HTMLTextAreaElement): string => `${'checked' in field && field.checked} ${field.value}`;
  const submitted = new Map(fields.map((field) => [field, filled(field)]));
  return () => {
    const same = fields.filter((field) => filled(field) === submitted.get(field));
    // Whole, they follow the page from then on.
    if (same.length === fields.length) return form.reset();
    for (const field of same) {
      field.value = field.defaultValue;
      if ('checked' in field) field.checked = field.defaultChecked;
    }
  };
}

/** Puts the focus on the first field that has a fault. */
export async function focusFault(element: { updateComplete: Promise<unknown>; renderRoot: ParentNode }): Promise<void> {
  await element.updateComplete;
  element.renderRoot.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
}
