/** The event that the served HTML tells search engines of (schema.org), for the first drawing of its page. */
export interface ServedEvent {
  name: string;
  description: string;
}

/** Undefined where the HTML tells of none, or of another one: the page was reached by a link. */
export function servedEvent(id: number | undefined): ServedEvent | undefined {
  for (const { textContent: text } of document.querySelectorAll('script[type="application/ld+json"]')) {
    const told = parsed(text);
    const address = typeof told?.['url'] === 'string' ? told['url'] : '';
    if (!told || !/Event$/.test(String(told['@type'])) || !address.endsWith(`/events/${id}`)) continue;
    if (typeof told['name'] === 'string') return { name: told['name'], description: typeof told['description'] === 'string' ? told['description'] : '' };
  }
  return undefined;
}

function parsed(text: string | null): Record<string, unknown> | undefined {
  try {
    const told: unknown = JSON.parse(text ?? '');
    return typeof told === 'object' && told !== null ? (told as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
