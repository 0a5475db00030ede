/** Horizontal places of the vertices of a drawing whose rows are ordered. */

import { placesInRows } from "./ordering.js";
import { shortenLengths } from "./simplex.js";

// Straight edges between nodes matter more than straight ends of long edges; their middles always
// are straight, bends where they cross excepted. By how many ends are nodes:
const PULL_WEIGHTS = [8, 1, 2];

/** The centre of each vertex with sideways lengths of edges as short as can be. */
export function placeAligned(graph, between, at, widths) {
  const root = blocksOf(graph);
  const blocks = [...new Set(root)].sort((a, b) => a - b);
  const numberOf = new Map(blocks.map((block, number) => [block, number]));
  const blockOf = root.map((block) => numberOf.get(block));
  const begin = compactBlocks(graph.rows, root, between);
  const places = blocks.map((block) => begin[block]);
  const gaps = new Map();
  for (const row of graph.rows) {
    for (let k = 0; k + 1 < row.length; k++) {
      const [left, right] = [blockOf[row[k]], blockOf[row[k + 1]]];
      const key = left * blocks.length + right;
      const gap = Math.max(gaps.get(key)?.[2] ?? 0, between(row[k], row[k + 1]));
      gaps.set(key, [left, right, gap, 0]);
    }
  }
  const pulls = pullsOf(graph, blockOf, at, widths);
  const constraints = [...gaps.values()];
  const starts = [...places];
  for (const [first, second, shift, weight] of pulls) {
    // |x - y| = (x - m) + (y - m) for the smaller one m, which is a place of its own.
    constraints.push([starts.length, first, -shift, weight], [starts.length, second, 0, weight]);
    starts.push(Math.min(places[first] + shift, places[second]));
  }
  // Parts of a graph that no edge connects are held together, weakly, from the left.
  for (let block = 0; block < blocks.length; block++) {
    constraints.push([starts.length, block, 0, 1e-4]);
  }
  starts.push(places.reduce((low, place) => Math.min(low, place), Infinity));
  const steps = Math.min(100 + 2 * starts.length, Math.ceil(1.5e7 / constraints.length));
  const done = shortenLengths(starts, constraints, steps).subarray(0, blocks.length);
  centreFree(done, [...gaps.values()], pulls);
  return blockOf.map((block) => done[block]);
}

/** For each vertex the first of its block: the stand-ins of a long edge, between crossings. */
function blocksOf(graph) {
  const root = graph.rowOf.map((_, vertex) => vertex);
  const place = placesInRows(graph);
  for (const lower of graph.rows.slice(1)) {
    // Of inner parts that cross, the ones after the furthest so far bend.
    let furthest = -Infinity;
    for (const vertex of lower) {
      const above = graph.up[vertex][0];
      if (vertex < graph.count || above < graph.count || place[above] <= furthest) continue;
      furthest = place[above];
      root[vertex] = root[above];
    }
  }
  return root;
}

/** What edges between blocks ask for: [first, second, shift, weight], second = first + shift. */
function pullsOf(graph, blockOf, at, widths) {
  const pulls = new Map();
  graph.chains.forEach((chain, number) => {
    for (let k = 0; k + 1 < chain.length; k++) {
      const [upper, lower] = [chain[k], chain[k + 1]];
      const [first, second] = [blockOf[upper], blockOf[lower]];
      if (first === second) continue;
      const [leaving, entering] = at[number] ?? [];
      const out = k === 0 ? (leaving ?? 0) * widths[upper] : 0;
      const into = k + 2 === chain.length ? (entering ?? 0) * widths[lower] : 0;
      const ends = (upper < graph.count ? 1 : 0) + (lower < graph.count ? 1 : 0);
      const alone = graph.down[upper].length === 1 || graph.up[lower].length === 1;
      const weight = PULL_WEIGHTS[ends] + (ends === 2 && alone ? 1 : 0);
      const key = `${first},${second},${out - into}`;
      const pull = pulls.get(key) ?? [first, second, out - into, 0];
      pull[3] += weight;
      pulls.set(key, pull);
    }
  });
  return [...pulls.values()];
}

/** Move what is pulled equally to both sides into the middle; a straight chain moves as one. */
function centreFree(places, gaps, pulls) {
  const group = straightChains(places, pulls);
  const near = Array.from(places, () => []);
  for (const [first, second, shift, weight] of pulls) {
    const [a, b] = [group[first], group[second]];
    if (a === b) continue;
    near[a].push([b, -shift, weight]);
    near[b].push([a, shift, weight]);
  }
  const beside = Array.from(places, () => []);
  for (const [left, right, gap] of gaps) {
    beside[group[right]].push([group[left], gap]);
    beside[group[left]].push([group[right], -gap]);
  }
  near.forEach((others, block) => {
    const pulled = others.map(([other, shift, weight]) => [places[other] + shift, weight]);
    pulled.sort((a, b) => a[0] - b[0]);
    const half = pulled.reduce((sum, [, weight]) => sum + weight, 0) / 2;
    let sum = 0;
    const middle = pulled.findIndex(([, weight]) => (sum += weight) === half);
    if (middle < 0 || !half) return;
    let [low, high] = [pulled[middle][0], pulled[middle + 1][0]];
    for (const [other, gap] of beside[block]) {
      if (gap > 0) low = Math.max(low, places[other] + gap);
      else high = Math.min(high, places[other] + gap);
    }
    if (low <= high) places[block] = (low + high) / 2;
  });
  group.forEach((first, block) => (places[block] = places[first]));
}

/** For each block the first of the straight chain that it is in: one user, one argument each. */
function straightChains(places, pulls) {
  const users = Array.from(places, () => []);
  const argumentsOf = Array.from(places, () => []);
  for (const [first, second, shift] of pulls) {
    users[first].push([second, shift]);
    argumentsOf[second].push(first);
  }
  const group = Array.from(places, (_, block) => block);
  group.forEach((_, root) => {
    let below = users[root];
    while (below.length === 1) {
      const [next, shift] = below[0];
      const joins = argumentsOf[next].length === 1 && group[next] === next && !shift;
      if (!joins || next === root || Math.abs(places[next] - places[root]) > 1e-6) break;
      group[next] = group[root];
      below = users[next];
    }
  });
  return group;
}

/** The centre of each vertex with every block as far left as it goes, then pulled right. */
function compactBlocks(rows, root, between) {
  const after = new Map();
  const waiting = new Map();
  for (const row of rows) for (const vertex of row) waiting.set(root[vertex], 0);
  for (const row of rows) {
    for (let k = 0; k + 1 < row.length; k++) {
      const [left, right] = [root[row[k]], root[row[k + 1]]];
      if (!after.has(left)) after.set(left, []);
      after.get(left).push([right, between(row[k], row[k + 1])]);
      waiting.set(right, waiting.get(right) + 1);
    }
  }
  const place = new Float64Array(root.length);
  const ready = [...waiting.keys()].filter((block) => !waiting.get(block));
  const order = [];
  while (ready.length) {
    const block = ready.pop();
    order.push(block);
    for (const [other, gap] of after.get(block) ?? []) {
      place[other] = Math.max(place[other], place[block] + gap);
      waiting.set(other, waiting.get(other) - 1);
      if (!waiting.get(other)) ready.push(other);
    }
  }
  for (const block of order.reverse()) {
    const limit = (after.get(block) ?? []).map(([other, gap]) => place[other] - gap);
    if (limit.length) place[block] = Math.max(place[block], Math.min(...limit));
  }
  return root.map((block) => place[block]);
}

// ---- least squares placement ----------------------------------------------------------------

/** The centre of each vertex, near its neighbours' mean; linear time, edges of any length. */
export function placeBySweeps(graph, between) {
  const centre = new Array(graph.rowOf.length).fill(0);
  const offsets = graph.rows.map((row) => {
    let offset = 0;
    const line = row.map((vertex, k) => (offset += k ? between(row[k - 1], vertex) : 0));
    row.forEach((vertex, k) => (centre[vertex] = line[k] - offset / 2));
    return line;
  });
  for (let sweep = 0; sweep < 6; sweep++) {
    const downward = sweep % 2 === 0;
    const near = downward ? graph.up : graph.down;
    for (let step = 0; step < graph.rows.length; step++) {
      const number = downward ? step : graph.rows.length - 1 - step;
      const [row, line] = [graph.rows[number], offsets[number]];
      const wanted = row.map((vertex, k) => {
        if (!near[vertex].length) return centre[vertex] - line[k];
        let sum = 0;
        for (const other of near[vertex]) sum += centre[other];
        return sum / near[vertex].length - line[k];
      });
      nearestRising(wanted).forEach((x, k) => (centre[row[k]] = x + line[k]));
    }
  }
  return centre;
}

/** The rising sequence nearest to the given one in least squares (pool adjacent violators). */
export function nearestRising(wanted) {
  const pools = [];
  for (const value of wanted) {
    let [total, size] = [value, 1];
    while (pools.length && pools[pools.length - 1][0] * size > total * pools[pools.length - 1][1]) {
      const [more, members] = pools.pop();
      total += more;
      size += members;
    }
    pools.push([total, size]);
  }
  return pools.flatMap(([total, size]) => new Array(size).fill(total / size));
}
