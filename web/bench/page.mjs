/**
 * Runs in the bench's page: the element with a real client, whose socket is played here, and scenes of which each frame is
 * measured. Only what the element shows to others is used, so that older states of it can be measured, too.
 */
import { numbers } from './bowl.mjs';

const EVENT = 1;
/** Id of the bowl's first seat. */
const FIRST = 4_711;
const FREE = 0;
/** A scene that does not come to its end is stopped. */
const SCENE_MS_MAX = 12_000;
/** Frames of the hot sale, and how many seats change in a second. */
const FRAME_MS = 50;
const CHANGES_PER_SECOND = 500;
const BEAT_MS = 5_000;

const { seats } = await (await fetch('/bench/info')).json();
const random = numbers(11);

/** The server's side of a socket. */
class Socket {
  static all = [];
  readyState = 1;
  joined = new Map();
  #revision = 1;

  constructor() {
    Socket.all.push(this);
    setTimeout(() => this.onopen?.());
    this.beats = setInterval(() => this.#beat(), BEAT_MS);
  }

  send(text) {
    const [joinRef, ref, topic, event] = JSON.parse(text);
    const reply = (response) => this.#say(joinRef, ref, topic, 'phx_reply', { status: 'ok', response });
    if (event !== 'phx_join') return reply({});
    this.joined.set(topic, joinRef);
    reply({ revision: this.#revision, resumed: false, state: topic.startsWith('seats:') ? seatsState() : eventState() });
    this.#beat();
  }

  close() {
    clearInterval(this.beats);
  }

  seats(changes) {
    const topic = `seats:${EVENT}`;
    if (!this.joined.has(topic)) return;
    const from = this.#revision++;
    this.#say(null, null, topic, 'update', { from, to: this.#revision, seats: changes });
  }

  #beat() {
    const revisions = Object.fromEntries([...this.joined.keys()].map((topic) => [topic, topic.startsWith('seats:') ? this.#revision : 1]));
    this.#say(null, null, 'phoenix', 'beat', { revisions, checked_at: new Date().toISOString() });
  }

  #say(...frame) {
    setTimeout(() => this.onmessage?.({ data: JSON.stringify(frame) }));
  }
}

const statuses = Array.from({ length: seats }, () => (random() < 0.55 ? FREE : random() < 0.1 ? 1 : 2));

function seatsState() {
  const bytes = new Uint8Array(Math.ceil(seats / 4));
  statuses.forEach((status, position) => (bytes[position >> 2] |= status << ((position & 3) * 2)));
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return { layout: 1, seats: btoa(text) };
}

function eventState() {
  const types = [1, 2, 3, 4, 5, 6].map((id) => ({
    id,
    name: `Type ${id}`,
    price: { amount: 4_000 + id * 1_500, currency: 'EUR' },
    capacity: Math.ceil(seats / 6),
    available: Math.ceil(seats / 12),
    held: 0,
    sold: Math.floor(seats / 12),
    status: 'available',
  }));
  const event = {
    id: EVENT, title: 'Bench', description: '', venue: '', category: '', image_url: null, starts_at: '2099-01-01T20:00:00Z', timezone: 'UTC',
    currency: 'EUR', status: 'active', capacity: seats, membership_required: false, max_per_booking: 20, hold_minutes: 10, layout: 1,
  };
  return { event, ticket_types: types, notices: [], presence: { total: 1, by_step: {} } };
}

let element;
let frame;

/** Puts the element on the page; milliseconds from the request of the layout to its picture. */
async function start() {
  const { SeatcastClient } = await import('/embed/seatcast.js');
  // Pointers of scripts are none that could be captured.
  Element.prototype.setPointerCapture = () => {};
  element = document.createElement('seatcast-seat-map');
  element.client = new SeatcastClient({ url: location.origin, WebSocket: Socket });
  element.setAttribute('event', EVENT);
  document.body.append(element);
  for (;;) {
    await nextFrame();
    const canvas = element.shadowRoot?.querySelector('canvas');
    const at = element.pointOf?.(FIRST);
    if (!canvas || !at || canvas.width === 0) continue;
    const ratio = canvas.width / canvas.clientWidth;
    const { data } = canvas.getContext('2d').getImageData(Math.round(at.x * ratio) - 1, Math.round(at.y * ratio) - 1, 3, 3);
    if (data.some((value) => value > 0)) break;
  }
  frame = element.shadowRoot.querySelector('.frame');
  await nextFrame();
  const request = performance.getEntriesByType('resource').find(({ name }) => name.includes('/seatmap'));
  return performance.now() - request.startTime;
}

const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Gaps between frames while `step` is called in each. */
async function frames(count, step = () => {}) {
  const gaps = [];
  const begin = performance.now();
  let before = await nextFrame();
  for (let nth = 0; nth < count && performance.now() - begin < SCENE_MS_MAX; nth += 1) {
    step(nth);
    const now = await nextFrame();
    gaps.push(now - before);
    before = now;
  }
  return gaps;
}

/** A seat among others, and where it is on the window: what happens, happens there. The middle of a stadium is a lawn. */
const place = FIRST + Math.floor(seats * 0.45);
function middle() {
  const { left, top } = frame.getBoundingClientRect();
  const { x, y } = element.pointOf(place) ?? element.pointOf(place + 1);
  return { x: left + x, y: top + y };
}

function fire(type, toX, toY, more = {}) {
  const { left, top, right, bottom } = frame.getBoundingClientRect();
  const [x, y] = [Math.min(right - 6, Math.max(left + 6, toX)), Math.min(bottom - 6, Math.max(top + 6, toY))];
  const target = element.shadowRoot.elementFromPoint(x, y);
  const Kind = type === 'wheel' ? WheelEvent : PointerEvent;
  const options = { clientX: x, clientY: y, bubbles: true, composed: true, cancelable: true, pointerId: 7, pointerType: 'mouse', isPrimary: true, ...more };
  target?.dispatchEvent(new Kind(type, options));
}

/** A trackpad's pinch by a factor. */
const zoom = (factor) => fire('wheel', middle().x, middle().y, { ctrlKey: true, deltaY: -Math.log(factor) * 180 });

/** Shows all, and then `factor` of it, and waits until that is drawn. */
async function zoomTo(factor) {
  for (let step = 0; step < 12; step += 1) zoom(0.5);
  zoom(factor);
  await pause(1_200);
}

let held;
function drag(nth) {
  const [dx, dy] = [Math.sin(nth / 9) * 150, Math.sin(nth / 14) * 110];
  if (nth === 0) {
    held = middle();
    fire('pointerdown', held.x, held.y);
  }
  fire('pointermove', held.x + dx, held.y + dy);
}

const drop = () => fire('pointerup', held.x, held.y);

let selling;
function sell(isOn) {
  clearInterval(selling);
  if (!isOn) return;
  selling = setInterval(() => {
    const changes = Array.from({ length: (CHANGES_PER_SECOND * FRAME_MS) / 1_000 }, () => [Math.floor(random() * seats), Math.floor(random() * 3)]);
    for (const socket of Socket.all) socket.seats(changes);
  }, FRAME_MS);
}

const scenes = {
  floor: () => frames(90),
  'hot sale, overview': async () => {
    await zoomTo(1);
    sell(true);
    const gaps = await frames(90);
    sell(false);
    return gaps;
  },
  'zoom 1–8–1': async () => {
    await zoomTo(1);
    return frames(90, (nth) => zoom(nth < 45 ? 8 ** (1 / 45) : 8 ** (-1 / 45)));
  },
  'pan 3×, cold': async () => {
    await zoomTo(3);
    const gaps = await frames(90, drag);
    drop();
    return gaps;
  },
  'pan 8×': async () => {
    await zoomTo(8);
    const gaps = await frames(90, drag);
    drop();
    return gaps;
  },
  'hover 3×': async () => {
    await zoomTo(3);
    const { x, y } = middle();
    return frames(60, (nth) => fire('pointermove', x + nth * 3 - 90, y + Math.sin(nth) * 20));
  },
  'hot sale, pan 3×': async () => {
    await zoomTo(3);
    sell(true);
    const gaps = await frames(90, drag);
    sell(false);
    drop();
    return gaps;
  },
  'choice 8×': async () => {
    await zoomTo(8);
    const { x, y } = middle();
    return frames(60, (nth) => {
      if (nth % 4 > 0) return;
      const [atX, atY] = [x + (nth - 30) * 2, y + (nth % 3) * 11];
      fire('pointerdown', atX, atY);
      fire('pointerup', atX, atY);
    });
  },
};

window.bench = { start, scenes: Object.keys(scenes), run: (name) => scenes[name]() };
