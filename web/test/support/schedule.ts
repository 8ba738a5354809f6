/** Random schedules for property tests: the same seed gives the same one, and one that fails is cut down to what matters. */

/** One thing that happens, with two numbers in [0, 1) for it to choose by, and the time that passes afterwards. */
export interface Step {
  act: string;
  x: number;
  y: number;
  waitMs: number;
}

/** A small generator with a seed, so that a failure can be run again (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** An act that is named more than once happens more often. */
export function scheduleOf(seed: number, acts: readonly string[], length: number): Step[] {
  const random = randomFrom(seed);
  return Array.from({ length }, () => ({
    act: acts[Math.floor(random() * acts.length)]!,
    x: random(),
    y: random(),
    waitMs: Math.round(random() < 0.8 ? random() * 400 : random() * 20_000),
  }));
}

/** Leaves steps out as long as it still fails, at most so many tries (as delta debugging does). */
export async function shrunk(steps: readonly Step[], fails: (steps: readonly Step[]) => Promise<boolean>, triesMax: number): Promise<readonly Step[]> {
  let left = steps;
  let tries = 0;
  for (let size = Math.ceil(left.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < left.length && tries < triesMax; ) {
      const fewer = [...left.slice(0, at), ...left.slice(at + size)];
      tries += 1;
      if (await fails(fewer)) left = fewer;
      else at += size;
    }
  }
  return left;
}
