import { describe, expect, it } from 'vitest';
import type { TicketTypeDetails } from '../../sdk/index.ts';
import { bodyOf, previewOf, typesOf } from './mapping.ts';
import { decoded, readSeats, UnreadableFile } from './reading.ts';

const TYPES = [
  { id: 7, name: 'Stalls' },
  { id: 8, name: 'Balcony' },
] as TicketTypeDetails[];

function whyOf(text: string): string {
  try {
    readSeats(text);
  } catch (error) {
    if (error instanceof UnreadableFile) return `${error.why} ${error.value}`.trim();
    throw error;
  }
  return 'read';
}

describe('a seat map as CSV', () => {
  it('is read line by line; what is wrong in a line is told with its number, and the others go', () => {
    const { form, seats, bad } = readSeats(
      [
        '\uFEFFSection,row,number,x,y,ticket_type,blocked',
        'Stalls,A,1,0,0,stalls,',
        '"Stalls, left",A,"1 ""b""",1,0,8,true',
        ',A,2,2,0,Stalls,',
        'Stalls,A,1,3,0,Stalls,',
        'Stalls,A,4,east,0,Stalls,',
        'Stalls,A,5,4,0,Stalls,perhaps',
        'Stalls,A,6,5,0,Stalls',
        '',
        `Stalls,${'R'.repeat(21)},7,6,0,Stalls,`,
      ].join('\r\n'),
    );
    expect(form).toBe('csv');
    expect(seats.map(({ place, section, number, blocked }) => [place, section, number, blocked])).toEqual([
      ['2', 'Stalls', '1', undefined],
      ['3', 'Stalls, left', '1 "b"', true],
    ]);
    expect(bad.map(({ place, reason }) => [place, reason])).toEqual([
      ['4', 'section'],
      ['5', 'duplicate'],
      ['6', 'coordinate'],
      ['7', 'blocked'],
      ['8', 'columns'],
      ['10', 'tooLong'],
    ]);
  });

  it('may be separated by semicolons, as spreadsheets of many countries write it', () => {
    expect(readSeats('section;row;number;x;y\nStalls;A;1;0.5;2').seats).toMatchObject([{ x: 0.5, y: 2, type: '' }]);
  });

  it.each([
    ['section,row,number,x', 'columns y'],
    ['section,row,number,x,y,colour\nS,A,1,0,0,red', 'columns colour'],
    ['section,row,number,x,y,x\nS,A,1,0,0,0', 'columns x'],
    ['section,row,number,x,y\n"S,A,1,0,0', 'quote 2'],
    ['section,row,number,x,y\n', 'empty'],
  ])('is refused as a whole: %j', (text, why) => {
    expect(whyOf(text)).toBe(why);
  });
});

describe('the bytes of a file', () => {
  const bytesOf = (...bytes: number[]): ArrayBuffer => new Uint8Array(bytes).buffer;

  it('are UTF-8, or UTF-16 with its mark', () => {
    expect(decoded(new TextEncoder().encode('ชั้น, ردیف').buffer)).toBe('ชั้น, ردیف');
    expect(decoded(bytesOf(0xff, 0xfe, 0x0a, 0x0e, 0x41, 0x00))).toBe('ชA');
    expect(decoded(bytesOf(0xfe, 0xff, 0x0e, 0x0a, 0x00, 0x41))).toBe('ชA');
    expect(decoded(bytesOf())).toBe('');
  });

  // Excel writes the code page of its country: two sections of as many letters would become one.
  it('are not guessed, and no letter is lost in silence', () => {
    const thai = bytesOf(0xaa, 0xd1, 0xe9, 0xb9);
    expect(() => decoded(thai)).toThrow(new UnreadableFile('encoding'));
    expect(() => decoded(bytesOf(0xff, 0xfe, 0x00, 0xd8, 0x41, 0x00))).toThrow(UnreadableFile);
  });
});

describe('a ticket type that is named as another one is numbered', () => {
  const types = [
    { id: 3, name: 'Stalls' },
    { id: 9, name: '3' },
  ] as TicketTypeDetails[];

  it.each([
    ['ticket_type', 9],
    ['ticket_type_id', 3],
  ])('is told from it by the column %s', (column, id) => {
    const { seats } = readSeats(`section,row,number,x,y,${column}\nA,1,1,0,0,3`);
    expect([...typesOf(seats, types)]).toEqual([['3', id]]);
  });

  it('may be meant by its number, or by its name, where no other is', () => {
    const { seats } = readSeats('section,row,number,x,y,ticket_type,ticket_type_id\nA,1,1,0,0,9,\nA,1,2,0,0,,Stalls');
    expect([...typesOf(seats, types).values()]).toEqual([9, 3]);
  });
});

describe('a seat map as JSON', () => {
  it('may name a ticket type for a section, a row or a seat', () => {
    const file = readSeats(
      JSON.stringify({
        sections: [
          {
            name: 'Hall',
            ticket_type_id: 7,
            rows: [
              { label: 'A', seats: [{ number: 1, x: 0, y: 0 }, { number: '2', x: 1, y: 0, ticket_type_id: 8 }] },
              { label: 'B', ticket_type_id: 8, seats: [{ number: '1', x: 0, y: 1 }, { number: '1', x: 0, y: 1 }, { x: 1, y: 1 }] },
            ],
          },
        ],
      }),
    );
    expect(file.form).toBe('json');
    expect(file.seats.map(({ row, number, type }) => [row, number, type])).toEqual([
      ['A', '1', '7'],
      ['A', '2', '8'],
      ['B', '1', '8'],
    ]);
    expect(file.bad).toEqual([
      { place: 'sections[0].rows[1].seats[1]', reason: 'duplicate', value: 'Hall B 1' },
      { place: 'sections[0].rows[1].seats[2]', reason: 'number', value: '' },
    ]);
  });

  it('says where the stage is and for whom places are made, or what is wrong with that', () => {
    const read = (stage: unknown, kind: unknown): ReturnType<typeof readSeats> =>
      readSeats(JSON.stringify({ stage, sections: [{ name: 'Hall', rows: [{ label: 'A', seats: [{ number: '1', x: 0, y: 0, kind }] }] }] }));
    const { stage, seats, bad } = read({ x: -5, y: -9, width: 10, height: 3 }, 'wheelchair');
    expect([stage, seats[0]?.kind, bad]).toEqual([{ x: -5, y: -9, width: 10, height: 3, label: '' }, 'wheelchair', []]);
    expect(bodyOf(seats, new Map(), stage)).toMatchObject({ stage: { x: -5, y: -9, width: 10, height: 3 } });
    expect(previewOf(seats, new Map(), 1, stage).geometry).toMatchObject({ stage, wheelchair: [0], companion: [] });
    expect(read({ x: 0, y: 0, width: 0, height: 3 }, 'throne').bad.map(({ place, reason }) => [place, reason])).toEqual([
      ['sections[0].rows[0].seats[0]', 'kind'],
      ['stage', 'stage'],
    ]);
    expect(bodyOf(read(undefined, undefined).seats, new Map())).not.toHaveProperty('stage');
  });

  it.each([
    ['{"sections": ', /^json /],
    ['{"hall": []}', /^form$/],
    ['[1]', /^form$/],
    ['{"sections": []}', /^empty$/],
  ])('is refused as a whole: %j', (text, why) => {
    expect(whyOf(text)).toMatch(why);
  });

  it('may be a seating plan of pretix: positions add up, categories are ticket types', () => {
    const plan = {
      name: 'Theatre',
      size: { width: 600, height: 400 },
      categories: [{ name: 'Stalls', color: '#f00' }],
      zones: [
        {
          name: 'Ground floor',
          position: { x: 100, y: 50 },
          rows: [
            {
              row_number: '1',
              position: { x: 10, y: 20 },
              seats: [
                { seat_number: '1', seat_guid: 'a', position: { x: 0, y: 0 }, category: 'Stalls' },
                { seat_number: '2', seat_guid: 'b', position: { x: 25, y: 0 }, category: 'Lodge' },
                { seat_number: '3', seat_guid: 'c', category: 'Stalls' },
              ],
            },
          ],
          areas: [],
        },
      ],
    };
    const { form, seats, bad } = readSeats(JSON.stringify(plan));
    expect(form).toBe('pretix');
    expect(seats.map(({ section, row, number, x, y }) => [section, row, number, x, y])).toEqual([
      ['Ground floor', '1', '1', 110, 70],
      ['Ground floor', '1', '2', 135, 70],
    ]);
    expect(bad).toMatchObject([{ reason: 'coordinate' }]);
    expect([...typesOf(seats, TYPES)]).toEqual([
      ['Stalls', 7],
      ['Lodge', undefined],
    ]);
  });
});

it('what is sent has sections, rows and seats in the order of the file, and the preview the same seats', () => {
  const { seats } = readSeats('section,row,number,x,y,ticket_type,blocked\nA,1,1,0,0,Stalls,\nB,1,1,0,1,Balcony,yes\nA,1,2,1,0,Stalls,');
  const types = typesOf(seats, TYPES);
  expect(bodyOf(seats, types)).toEqual({
    sections: [
      { name: 'A', rows: [{ label: '1', seats: [{ number: '1', x: 0, y: 0, ticket_type_id: 7 }, { number: '2', x: 1, y: 0, ticket_type_id: 7 }] }] },
      { name: 'B', rows: [{ label: '1', seats: [{ number: '1', x: 0, y: 1, ticket_type_id: 8, blocked: true }] }] },
    ],
  });
  const { geometry, state } = previewOf(seats, types, 3);
  expect(geometry.seats.section).toEqual([0, 1, 0]);
  expect([0, 1, 2].map((at) => state.seats.at(at))).toEqual(['available', 'blocked', 'available']);
});
