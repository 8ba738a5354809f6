// Tickets that a whole event can still sell: of all its ticket types together, at most.
//
// A sum over the types would count a place twice that two of them share. Pools that are nested in each other, or fall
// into two such families (sections and price groups, say), make a network; the greatest flow through it, from the
// event's pool through one family, the types and the other family, is the answer. src/ticketing/sellable.rs is the same
// for the server; both are tested with tests/wire/sellable.json.

export interface Source {
  available: number;
  shared?: [pool: number, left: number][];
}

interface SharedPool {
  types: Set<number>;
  left: number;
}

const SOURCE = 0;
const SINK = 1;
const ROOT = 2;

/** `left` is what the event's own pool has left. */
export function sellable(left: number, types: readonly Source[]): number {
  const sum = types.reduce((total, type) => total + Math.max(0, type.available), 0);
  const most = Math.min(Math.max(0, left), sum);
  if (types.every((type) => !type.shared?.length)) return most;
  return Math.min(most, greatestFlow(network(left, types, families(types))));
}

/** The pools in two families of nested ones, each from the smallest to the largest. */
function families(types: readonly Source[]): [SharedPool[], SharedPool[]] {
  const pools = new Map<number, SharedPool>();
  types.forEach((type, index) => {
    for (const [id, left] of type.shared ?? []) {
      const pool = pools.get(id) ?? { types: new Set<number>(), left: Math.max(0, left) };
      pool.types.add(index);
      pools.set(id, pool);
    }
  });
  const found: [SharedPool[], SharedPool[]] = [[], []];
  const byId = [...pools].sort(([a], [b]) => a - b).map(([, pool]) => pool);
  for (const pool of byId.sort((a, b) => a.types.size - b.types.size)) {
    const fits = (other: SharedPool): boolean => {
      const common = [...other.types].filter((type) => pool.types.has(type)).length;
      return common === 0 || common === other.types.size;
    };
    found.find((family) => family.every(fits))?.push(pool);
  }
  return found;
}

/** The capacity of each edge between two nodes; the types are edges between the families. */
function network(
  left: number,
  types: readonly Source[],
  [first, second]: [SharedPool[], SharedPool[]],
): number[][] {
  const size = ROOT + 1 + first.length + second.length;
  const edges = Array.from({ length: size }, () => new Array<number>(size).fill(0));
  const ofFirst = (index: number): number => (index < 0 ? ROOT : ROOT + 1 + index);
  const ofSecond = (index: number): number => (index < 0 ? SINK : ROOT + 1 + first.length + index);
  const add = (from: number, to: number, capacity: number): void => {
    const row = edges[from];
    if (row) row[to] = (row[to] ?? 0) + Math.max(0, capacity);
  };
  add(SOURCE, ROOT, left);
  first.forEach((pool, index) => {
    add(ofFirst(larger(first, index)), ofFirst(index), pool.left);
  });
  second.forEach((pool, index) => {
    add(ofSecond(index), ofSecond(larger(second, index)), pool.left);
  });
  types.forEach((type, index) => {
    const holds = (pool: SharedPool): boolean => pool.types.has(index);
    add(ofFirst(first.findIndex(holds)), ofSecond(second.findIndex(holds)), type.available);
  });
  return edges;
}

/** The next larger pool of the family that holds this one; -1: none. */
function larger(family: readonly SharedPool[], index: number): number {
  const inner = [...(family[index]?.types ?? [])];
  return family.findIndex((pool, at) => at > index && inner.every((type) => pool.types.has(type)));
}

/** Augments along shortest paths until none is left. */
function greatestFlow(edges: number[][]): number {
  let flow = 0;
  for (let path = shortest(edges); path; path = shortest(edges)) {
    const steps = path.slice(1).map((to, at): [number, number] => [path?.[at] ?? SOURCE, to]);
    const room = Math.min(...steps.map(([from, to]) => edges[from]?.[to] ?? 0));
    for (const [from, to] of steps) {
      const [forth, back] = [edges[from], edges[to]];
      if (forth) forth[to] = (forth[to] ?? 0) - room;
      if (back) back[from] = (back[from] ?? 0) + room;
    }
    flow += room;
  }
  return flow;
}

function shortest(edges: readonly number[][]): number[] | undefined {
  const paths = new Map<number, number[]>([[SOURCE, [SOURCE]]]);
  for (const [node, path] of paths) {
    if (node === SINK) return path;
    edges[node]?.forEach((capacity, to) => {
      if (capacity > 0 && !paths.has(to)) paths.set(to, [...path, to]);
    });
  }
  return undefined;
}
