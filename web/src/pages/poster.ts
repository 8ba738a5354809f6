/** The pictures of events. */
import { html, nothing, type ReactiveControllerHost, type TemplateResult } from 'lit';

/** Undefined until it has come: a page with one event is read before its artwork is looked at. */
let drawn: typeof import('./drawn-poster.ts') | undefined;

/** The event's picture, above a drawn one: that is seen until the picture has come, and if it never does. */
export function poster(event: { id: number; category: string; image_url: string | null }, host: ReactiveControllerHost): TemplateResult {
  const { image_url: url } = event;
  if (!drawn) void import('./drawn-poster.ts').then((made) => ((drawn = made), host.requestUpdate()), () => undefined);
  return html`<div class="poster">
    ${drawn?.drawnPoster(event)}
    ${url ? html`<img src=${url} alt="" loading="lazy" @error=${failed} @load=${loaded} />` : nothing}
  </div>`;
}

function failed({ currentTarget }: Event): void {
  (currentTarget as HTMLElement).classList.add('broken');
}

function loaded({ currentTarget }: Event): void {
  (currentTarget as HTMLElement).classList.remove('broken');
}
