/**
 * Reads seat maps in the browser: our JSON, CSV with a header, and seating plans of pretix. Whatever is wrong with a row is
 * told with its place in the file; the good ones can go without it.
 */

import type { SeatMapStage } from '../../sdk/index.ts';

/** As the server has them. */
export const SEATS_MAX = 100_000;
const NAME_CHARS_MAX = 200;
const LABEL_CHARS_MAX = 20;
const COORDINATE_MAX = 1_000_000;

export const SEAT_KINDS = ['standard', 'wheelchair', 'companion'] as const;
export type SeatKind = (typeof SEAT_KINDS)[number];

export interface SeatRow {
  /** Where it is in the file: a line's number, or the way to it. */
  place: string;
  section: string;
  row: string;
  number: string;
  x: number;
  y: number;
  /** The ticket type as the file names it: its id or its name, or a category; '' for none. */
  type: string;
  /** It stands where ids do. */
  isTypeId: boolean;
  /** Undefined: the file does not say, and a seat stays as it is. */
  blocked: boolean | undefined;
  /** As `blocked`. */
  kind: SeatKind | undefined;
}

export type Reason = 'section' | 'row' | 'number' | 'tooLong' | 'coordinate' | 'duplicate' | 'blocked' | 'kind' | 'columns' | 'type' | 'stage';

export interface BadRow {
  place: string;
  reason: Reason;
  /** The text as it stands there. */
  value: string;
}

export interface SeatFile {
  form: 'csv' | 'json' | 'pretix';
  seats: SeatRow[];
  /** Undefined: the file has none. */
  stage?: SeatMapStage;
  bad: BadRow[];
}

/** The file as a whole is none of the three. */
export class UnreadableFile extends Error {
  override name = 'UnreadableFile';
  readonly why: 'encoding' | 'json' | 'form' | 'columns' | 'quote' | 'tooMany' | 'empty';
  readonly value: string;

  constructor(why: UnreadableFile['why'], value = '') {
    super(`${why} ${value}`);
    this.why = why;
    this.value = value;
  }
}

/**
 * Text of a file: UTF-8, or UTF-16 with its mark. Any other encoding would turn letters into the same sign, and two sections into one.
 *
 * @throws UnreadableFile
 */
export function decoded(bytes: ArrayBuffer): string {
  const [first, second] = new Uint8Array(bytes.slice(0, 2));
  const encoding = first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw new UnreadableFile('encoding');
  }
}

/** @throws UnreadableFile */
export function readSeats(text: string): SeatFile {
  const plain = text.replace(/^\uFEFF/, '');
  const file = /^\s*[{[]/.test(plain) ? readJson(plain) : readCsv(plain);
  if (file.seats.length + file.bad.length > SEATS_MAX) throw new UnreadableFile('tooMany');
  if (file.seats.length + file.bad.length === 0) throw new UnreadableFile('empty');
  return file;
}

// ── rows ─────────────────────────────────────────────────────────────────────────────────────────

/** Values of a row as they stand in the file. */
interface Raw {
  section: unknown;
  row: unknown;
  number: unknown;
  x: unknown;
  y: unknown;
  /** By its name, or a number. */
  type?: unknown;
  typeId?: unknown;
  blocked?: unknown;
  kind?: unknown;
}

/** Gathers good rows and bad ones. */
class Gathered {
  readonly seats: SeatRow[] = [];
  readonly bad: BadRow[] = [];
  readonly #places = new Set<string>();

  add(place: string, raw: Raw): void {
    const refuse = (reason: Reason, value: unknown): void => void this.bad.push({ place, reason, value: textOf(value) });
    const [section, row, number] = [textOf(raw.section), textOf(raw.row), textOf(raw.number)];
    if (section === '') return refuse('section', raw.section);
    if (row === '') return refuse('row', raw.row);
    if (number === '') return refuse('number', raw.number);
    if (lengthOf(section) > NAME_CHARS_MAX) return refuse('tooLong', section);
    const label = [row, number].find((one) => lengthOf(one) > LABEL_CHARS_MAX);
    if (label !== undefined) return refuse('tooLong', label);
    const [x, y] = [coordinateOf(raw.x), coordinateOf(raw.y)];
    if (x === undefined || y === undefined) return refuse('coordinate', `${textOf(raw.x)}, ${textOf(raw.y)}`);
    const blocked = isSaid(raw.blocked) ? flagOf(raw.blocked) : undefined;
    if (isSaid(raw.blocked) && blocked === undefined) return refuse('blocked', raw.blocked);
    const kind = SEAT_KINDS.find((one) => one === textOf(raw.kind).toLowerCase());
    if (isSaid(raw.kind) && kind === undefined) return refuse('kind', raw.kind);
    const key = JSON.stringify([section, row, number]);
    if (this.#places.has(key)) return refuse('duplicate', `${section} ${row} ${number}`);
    this.#places.add(key);
    const typeId = textOf(raw.typeId);
    this.seats.push({ place, section, row, number, x, y, type: typeId || textOf(raw.type), isTypeId: typeId !== '', blocked, kind });
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.trim() : typeof value === 'number' ? String(value) : '';
}

/** Characters, as the server counts them. */
function lengthOf(text: string): number {
  return [...text].length;
}

function coordinateOf(value: unknown): number | undefined {
  const number = typeof value === 'number' ? value : textOf(value) === '' ? NaN : Number(textOf(value));
  return Number.isFinite(number) && Math.abs(number) <= COORDINATE_MAX ? number : undefined;
}

function isSaid(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

function flagOf(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value;
  const text = textOf(value).toLowerCase();
  if (['true', 'yes', '1'].includes(text)) return true;
  return ['false', 'no', '0'].includes(text) ? false : undefined;
}

// ── CSV ──────────────────────────────────────────────────────────────────────────────────────────

const COLUMNS = ['section', 'row', 'number', 'x', 'y', 'ticket_type', 'ticket_type_id', 'blocked', 'kind'] as const;
const NEEDED = ['section', 'row', 'number', 'x', 'y'] as const;

function readCsv(text: string): SeatFile {
  const [header, ...lines] = linesOf(text);
  const names = (header?.cells ?? []).map((name) => name.trim().toLowerCase());
  const unknown = names.find((name, place) => !(COLUMNS as readonly string[]).includes(name) || names.indexOf(name) < place);
  if (unknown !== undefined) throw new UnreadableFile('columns', unknown);
  const missing = NEEDED.find((name) => !names.includes(name));
  if (missing !== undefined) throw new UnreadableFile('columns', missing);
  const gathered = new Gathered();
  for (const { number, cells } of lines) {
    const place = String(number);
    if (cells.length !== names.length) {
      gathered.bad.push({ place, reason: 'columns', value: String(cells.length) });
      continue;
    }
    const cell = (name: (typeof COLUMNS)[number]): string | undefined => cells[names.indexOf(name)];
    gathered.add(place, {
      section: cell('section'),
      row: cell('row'),
      number: cell('number'),
      x: cell('x'),
      y: cell('y'),
      type: cell('ticket_type'),
      typeId: cell('ticket_type_id'),
      blocked: cell('blocked')?.trim(),
      kind: cell('kind')?.trim(),
    });
  }
  return { form: 'csv', seats: gathered.seats, bad: gathered.bad };
}

interface Line {
  /** Of the file, from 1. */
  number: number;
  cells: string[];
}

/** Lines by RFC 4180: cells in quotes may have commas, line ends, and quotes that are doubled. Semicolons separate where the header has no comma. */
function linesOf(text: string): Line[] {
  const head = text.slice(0, text.search(/\r?\n|$/));
  const separator = head.includes(',') ? ',' : head.includes(';') ? ';' : head.includes('\t') ? '\t' : ',';
  const lines: Line[] = [];
  let cells: string[] = [];
  let cell = '';
  let number = 1;
  let begin = 1;
  let isQuoted = false;
  const endLine = (): void => {
    cells.push(cell);
    cell = '';
    if (cells.length > 1 || cells[0]?.trim()) lines.push({ number: begin, cells });
    cells = [];
  };
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at]!;
    if (sign === '\n') number += 1;
    if (isQuoted) {
      if (sign !== '"') cell += sign;
      else if (text[at + 1] === '"') cell += text[(at += 1)];
      else isQuoted = false;
    } else if (sign === '"' && cell === '') isQuoted = true;
    else if (sign === separator) {
      cells.push(cell);
      cell = '';
    } else if (sign === '\n') {
      endLine();
      begin = number;
    } else if (sign !== '\r') cell += sign;
  }
  if (isQuoted) throw new UnreadableFile('quote', String(begin));
  endLine();
  return lines;
}

// ── JSON ─────────────────────────────────────────────────────────────────────────────────────────

type Json = Record<string, unknown>;

function readJson(text: string): SeatFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UnreadableFile('json', error instanceof Error ? error.message : '');
  }
  if (isObject(value) && Array.isArray(value['sections'])) return readOwn(value['sections'], value['stage']);
  if (isObject(value) && Array.isArray(value['zones'])) return readPretix(value['zones']);
  throw new UnreadableFile('form');
}

function readOwn(sections: unknown[], ofStage: unknown): SeatFile {
  const gathered = new Gathered();
  objectsOf(sections, ({ name, ticket_type_id: ofSection, rows }, section) =>
    objectsOf(rows, ({ label, ticket_type_id: ofRow, seats }, row) =>
      objectsOf(seats, ({ number, x, y, ticket_type_id: ofSeat, blocked, kind }, seat) =>
        gathered.add(`sections[${section}].rows[${row}].seats[${seat}]`, { section: name, row: label, number, x, y, typeId: ofSeat ?? ofRow ?? ofSection, blocked, kind }),
      ),
    ),
  );
  const { seats, bad } = gathered;
  const stage = isSaid(ofStage) ? stageOf(ofStage) : undefined;
  if (isSaid(ofStage) && !stage) bad.push({ place: 'stage', reason: 'stage', value: JSON.stringify(ofStage) });
  return { form: 'json', seats, bad, ...(stage ? { stage } : {}) };
}

function stageOf(value: unknown): SeatMapStage | undefined {
  const { x: left, y: top, width: wide, height: high, label } = isObject(value) ? value : {};
  const [x, y, width, height] = [coordinateOf(left), coordinateOf(top), coordinateOf(wide), coordinateOf(high)];
  if (x === undefined || y === undefined || !(width && width > 0) || !(height && height > 0)) return undefined;
  const name = textOf(label);
  return lengthOf(name) > LABEL_CHARS_MAX ? undefined : { x, y, width, height, label: name };
}

/** A seating plan of pretix: zones, their rows, their seats; each with a position relative to the one around it. */
function readPretix(zones: unknown[]): SeatFile {
  const gathered = new Gathered();
  objectsOf(zones, (zone, zonePlace) => {
    const ofZone = pointOf(zone['position']);
    const name = textOf(zone['name']) || `Zone ${zonePlace + 1}`;
    objectsOf(zone['rows'], (row, rowPlace) => {
      const ofRow = pointOf(row['position']);
      objectsOf(row['seats'], (seat, seatPlace) => {
        const own = isObject(seat['position']) ? seat['position'] : {};
        gathered.add(`zones[${zonePlace}].rows[${rowPlace}].seats[${seatPlace}]`, {
          section: name,
          row: textOf(row['row_number']) || String(rowPlace + 1),
          number: seat['seat_number'],
          x: typeof own['x'] === 'number' ? ofZone.x + ofRow.x + own['x'] : own['x'],
          y: typeof own['y'] === 'number' ? ofZone.y + ofRow.y + own['y'] : own['y'],
          type: seat['category'],
        });
      });
    });
  });
  return { form: 'pretix', seats: gathered.seats, bad: gathered.bad };
}

function pointOf(value: unknown): { x: number; y: number } {
  const { x, y } = isObject(value) ? value : {};
  return { x: typeof x === 'number' ? x : 0, y: typeof y === 'number' ? y : 0 };
}

function objectsOf(list: unknown, read: (value: Json, place: number) => void): void {
  if (!Array.isArray(list)) return;
  list.forEach((value, place) => read(isObject(value) ? value : {}, place));
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
