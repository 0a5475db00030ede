/** Horizontal places of the vertices of a drawing whose rows are ordered. */

import { placesInRows } from "./ordering.js";
import { Lengths, shortenLengths } from "./simplex.js";

// Straight edges between nodes matter more than straight ends of long edges; their middles always
// are straight, bends where they cross excepted. By how many ends are nodes:
const PULL_WEIGHTS = [8, 1, 2];

/** The centre of each vertex with sideways lengths of edges as short as can be. */
export function placeAligned(graph, between, widths) {
  const { count, blockOf } = blocksOf(graph);
  const gaps = gapsOf(graph.rows, blockOf, between);
  const places = compactBlocks(count, gaps);
  const pulls = pullsOf(graph, blockOf, widths);
  const lengths = new Lengths(gaps.length + 2 * pulls.length + count);
  for (const [left, right, gap] of gaps) lengths.add(left, right, gap, 0);
  const starts = [...places];
  for (const [first, second, shift, weight] of pulls) {
    // |x - y| = (x - m) + (y - m) for the smaller one m, which is a place of its own.
    lengths.add(starts.length, first, -shift, weight);
    lengths.add(starts.length, second, 0, weight);
    starts.push(Math.min(places[first] + shift, places[second]));
  }
  // Parts of a graph that no edge connects are held together, weakly, from the left.
  for (let block = 0; block < count; block++) lengths.add(starts.length, block, 0, 1e-4);
  starts.push(places.reduce((low, place) => Math.min(low, place), Infinity));
  const steps = Math.min(100 + 2 * starts.length, Math.ceil(1.5e7 / lengths.count));
  const done = shortenLengths(starts, lengths, steps).subarray(0, count);
  centreFree(done, gaps, pulls);
  return Array.from(blockOf, (block) => done[block]);
}

/** For each vertex its block, by number: the stand-ins of a long edge, between crossings. */
function blocksOf(graph) {
  const { rowOf, up } = graph;
  const root = Int32Array.from(rowOf, (_, vertex) => vertex);
  const place = placesInRows(graph);
  for (const lower of graph.rows.slice(1)) {
    // Of inner parts that cross, the ones after the furthest so far bend.
    let furthest = -Infinity;
    for (const vertex of lower) {
      if (vertex < graph.count) continue;
      const above = up.of(vertex).find((one) => one >= graph.count);
      if (above === undefined || place[above] <= furthest) continue;
      furthest = place[above];
      root[vertex] = root[above];
    }
  }
  // A root comes before the rest of its block.
  let count = 0;
  const blockOf = root.map((block, vertex) => (block === vertex ? count++ : -1));
  for (let vertex = 0; vertex < root.length; vertex++) blockOf[vertex] = blockOf[root[vertex]];
  return { count, blockOf };
}

/** How far blocks that stand side by side keep apart: [left, right, distance]. */
function gapsOf(rows, blockOf, between) {
  const found = new Map();
  for (const row of rows) {
    for (let k = 0; k + 1 < row.length; k++) {
      const [left, right] = [blockOf[row[k]], blockOf[row[k + 1]]];
      const key = left * blockOf.length + right;
      const distance = between(row[k], row[k + 1]);
      const gap = found.get(key);
      if (!gap) found.set(key, [left, right, distance]);
      else if (gap[2] < distance) gap[2] = distance;
    }
  }
  return [...found.values()];
}

/** What edges between blocks ask for: [first, second, shift, weight], second = first + shift. */
function pullsOf(graph, blockOf, widths) {
  const { up, down, count } = graph;
  const pulls = [];
  const known = new Map(); // of a pair of blocks
  for (const [upper, lower, leaving, entering] of graph.links) {
    const [first, second] = [blockOf[upper], blockOf[lower]];
    if (first === second) continue;
    const shift = leaving * widths[upper] - (entering || 0) * widths[lower];
    const ends = (upper < count ? 1 : 0) + (lower < count ? 1 : 0);
    const alone = down.count(upper) === 1 || up.count(lower) === 1;
    const weight = PULL_WEIGHTS[ends] + (ends === 2 && alone ? 1 : 0);
    const key = first * blockOf.length + second;
    const same = known.get(key)?.find((pull) => pull[2] === shift);
    if (same) {
      same[3] += weight;
      continue;
    }
    pulls.push([first, second, shift, weight]);
    if (known.has(key)) known.get(key).push(pulls[pulls.length - 1]);
    else known.set(key, [pulls[pulls.length - 1]]);
  }
  return pulls;
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

/** The place of each block as far left as it goes, then pulled right. */
function compactBlocks(count, gaps) {
  const after = Array.from({ length: count }, () => []);
  const waiting = new Int32Array(count);
  for (const gap of gaps) {
    after[gap[0]].push(gap);
    waiting[gap[1]] += 1;
  }
  const place = new Float64Array(count);
  const ready = [];
  for (let block = 0; block < count; block++) if (!waiting[block]) ready.push(block);
  const order = [];
  while (ready.length) {
    const block = ready.pop();
    order.push(block);
    for (const [, right, distance] of after[block]) {
      place[right] = Math.max(place[right], place[block] + distance);
      waiting[right] -= 1;
      if (!waiting[right]) ready.push(right);
    }
  }
  for (const block of order.reverse()) {
    let limit = Infinity;
    for (const [, right, distance] of after[block]) limit = Math.min(limit, place[right] - distance);
    if (limit < Infinity) place[block] = Math.max(place[block], limit);
  }
  return place;
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
    const { first, to } = downward ? graph.up : graph.down;
    for (let step = 0; step < graph.rows.length; step++) {
      const number = downward ? step : graph.rows.length - 1 - step;
      const [row, line] = [graph.rows[number], offsets[number]];
      const wanted = row.map((vertex, k) => {
        const [begin, end] = [first[vertex], first[vertex + 1]];
        if (begin === end) return centre[vertex] - line[k];
        let sum = 0;
        for (let link = begin; link < end; link++) sum += centre[to[link]];
        return sum / (end - begin) - line[k];
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
