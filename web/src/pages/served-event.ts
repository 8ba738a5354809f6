/** The event that the served HTML tells search engines of (schema.org), for the first drawing of its page. */
export interface ServedEvent {
  name: string;
  venue: string;
  description: string;
}

/** The address that the HTML was served for; links are followed without loading it anew. */
const SERVED_FOR = location.pathname;

/** Undefined where the HTML tells of none, or of another one. */
export function servedEvent(id: number | undefined, servedFor = SERVED_FOR): ServedEvent | undefined {
  if (servedFor !== `/events/${id}`) return undefined;
  for (const { textContent: text } of document.querySelectorAll('script[type="application/ld+json"]')) {
    const told = parsed(text);
    if (told?.['@type'] === 'Event') return { name: textOf(told['name']), venue: textOf(parsedPlace(told['location'])), description: textOf(told['description']) };
  }
  return undefined;
}

function parsed(text: string | null): Record<string, unknown> | undefined {
  try {
    const told: unknown = JSON.parse(text ?? '');
    return isRecord(told) ? told : undefined;
  } catch {
    return undefined;
  }
}

function parsedPlace(place: unknown): unknown {
  return isRecord(place) ? place['name'] : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
