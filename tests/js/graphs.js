/** Graphs for tests, made from a seed. */

/** A generator of numbers in [0, 1) that repeats (mulberry32). */
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** The edges of a random acyclic graph: most are short, some reach far. */
export function randomEdges(count, random, far = 0.1) {
  const edges = [];
  for (let end = 1; end < count; end++) {
    const degree = Math.floor(random() * 3);
    for (let port = 0; port < degree; port++) {
      const back = random() < far ? Math.floor(random() * end) : Math.floor(random() * Math.min(end, 6));
      edges.push([end - 1 - back, end]);
    }
  }
  return edges;
}

/** A document with nested boxes that hold arbitrary nodes, convex or not. */
export function randomDocument(count, random, boxes = 6) {
  const kinds = ["op", "op", "op", "input", "shared variable", "constant"];
  const nodes = Array.from({ length: count }, (_, id) => ({
    kind: kinds[Math.floor(random() * kinds.length)],
    label: `label${id}`,
    type: "float32 (?, 3)",
  }));
  const edges = randomEdges(count, random).map(([start, end], number) => [start, end, `edge${number}`, 0, 0, 0]);
  const list = Array.from({ length: boxes }, (_, box) => ({
    label: `box ${box}`,
    parent: box && random() < 0.5 ? Math.floor(random() * box) : null,
  }));
  const of = nodes.map(() => (random() < 0.7 ? Math.floor(random() * boxes) : null));
  return { title: "random", nodes, edges, groupings: [{ name: "random", label: "box", boxes: list, of }] };
}

/** A random subset of 0..count-1. */
export function randomSet(count, random) {
  return new Set([...Array(count).keys()].filter(() => random() < 0.5));
}
