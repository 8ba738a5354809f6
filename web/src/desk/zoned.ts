/** Times as the clock on a venue's wall shows them, for fields of type `datetime-local`. */

/** `2027-06-01T20:00` there. */
export function toWall(moment: string | null | undefined, timezone: string): string {
  const at = new Date(moment ?? NaN);
  return Number.isNaN(at.getTime()) ? '' : wallOf(at.getTime(), timezone);
}

/** The moment, RFC 3339, at which the wall there shows this; undefined for an empty field. */
export function fromWall(wall: string, timezone: string): string | undefined {
  const asUtc = Date.parse(`${wall}Z`);
  if (Number.isNaN(asUtc)) return undefined;
  // The offset of about then; where clocks are changed in between, the one of the moment that it led to.
  const about = asUtc - offsetAt(asUtc, timezone);
  return new Date(asUtc - offsetAt(about, timezone)).toISOString();
}

/**
 * The moment of a field that was filled with `before`. A text that nobody changed means the same moment still: its seconds are not
 * shown, nor which hour it was of two with one name, where clocks are put back.
 */
export function momentOf(wall: string, timezone: string, before: string | null | undefined): string | undefined {
  return before && toWall(before, timezone) === wall ? before : fromWall(wall, timezone);
}

function offsetAt(at: number, timezone: string): number {
  return Date.parse(`${wallOf(at, timezone, true)}Z`) - Math.floor(at / 1_000) * 1_000;
}

function wallOf(at: number, timezone: string, withSeconds = false): string {
  const format = new Intl.DateTimeFormat('en-GB-u-ca-gregory-nu-latn', {
    timeZone: timezone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
  const part = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? '';
  const minute = `${part('year').padStart(4, '0')}-${part('month')}-${part('day')}T${part('hour')}:${part('minute')}`;
  return withSeconds ? `${minute}:${part('second')}` : minute;
}

export function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return name !== '';
  } catch {
    return false;
  }
}

/** The names that this browser knows. */
export function timezones(): readonly string[] {
  return Intl.supportedValuesOf('timeZone');
}
