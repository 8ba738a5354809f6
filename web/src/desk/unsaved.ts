/**
 * Fields of the desk's forms that somebody has filled and not saved. Any form counts, that of a dialog too, but for searches and
 * those whose fields are on their way to something else of the page (`data-passing`): what its fields hold is compared with what the page gave them.
 */

/** Forms in which somebody typed or chose something; true: and which were then submitted. */
const forms = new Map<HTMLFormElement, boolean>();

/** Watches the forms in an element, those in its shadow roots as well. */
export function watchForms(root: EventTarget): void {
  root.addEventListener('input', (event) => {
    const form = formOf(event);
    if (form) forms.set(form, false);
  });
  // `submit` leaves no shadow root; the click on its button, and Enter in a field, come before it.
  for (const kind of ['click', 'keydown']) {
    root.addEventListener(kind, (event) => {
      const form = isSubmission(event) ? formOf(event) : undefined;
      if (form && forms.has(form)) forms.set(form, true);
    });
  }
  globalThis.addEventListener('beforeunload', (event) => {
    if (hasUnsaved()) event.preventDefault();
  });
}

export function hasUnsaved(): boolean {
  for (const form of forms.keys()) if (!form.isConnected) forms.delete(form);
  return [...forms.keys()].some((form) => [...form.elements].some(differs));
}

/** The server has what was submitted. */
export function saved(): void {
  for (const [form, isSubmitted] of forms) if (isSubmitted) forms.delete(form);
}

/** Somebody leaves all the same. */
export function forgetUnsaved(): void {
  forms.clear();
}

function differs(field: Element): boolean {
  if (field instanceof HTMLSelectElement) {
    const options = [...field.options];
    const given = options.find(({ defaultSelected }) => defaultSelected) ?? options[0];
    return !field.multiple && given !== undefined && !given.selected;
  }
  if (field instanceof HTMLTextAreaElement) return field.value !== field.defaultValue;
  if (!(field instanceof HTMLInputElement)) return false;
  return field.type === 'checkbox' || field.type === 'radio' ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
}

function formOf(event: Event): HTMLFormElement | undefined {
  for (const node of event.composedPath()) {
    // The button of a dialog's form stands beside it.
    const form = node instanceof HTMLFormElement ? node : node instanceof HTMLButtonElement ? node.form : null;
    if (form) return form.matches('[role=search], [data-passing]') ? undefined : form;
  }
  return undefined;
}

function isSubmission(event: Event): boolean {
  if (event instanceof KeyboardEvent) return event.key === 'Enter';
  return event.composedPath().some((node) => node instanceof HTMLButtonElement && node.type === 'submit');
}
