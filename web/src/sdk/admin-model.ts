import { eventModel, type EventState, type Model } from './model.ts';
import type { Figures } from './protocol.ts';

/** State of an `admin:` topic: the event's, and the figures for its organizer. */
export interface AdminState extends EventState {
  /** Null until they come, soon after the join. */
  figures: Figures | null;
}

export const adminModel: Model<AdminState> = {
  whole(state, before, revision) {
    return { ...eventModel.whole(state, before, revision), figures: before?.figures ?? null };
  },
  changed(before, changes, revision) {
    return { ...eventModel.changed(before, changes, revision), figures: before.figures };
  },
  beside(before, event, payload) {
    if (event === 'figures') return laterFigures(before, payload as unknown as Figures);
    const next = eventModel.beside?.(before, event, payload);
    return next && { ...next, figures: before.figures };
  },
  withoutLink(before) {
    return { ...before, presence: null };
  },
};

/** Figures are counted by each node at its own moment: the later moment wins. */
function laterFigures(before: AdminState, figures: Figures): AdminState {
  return before.figures && figures.as_of < before.figures.as_of ? before : { ...before, figures };
}
