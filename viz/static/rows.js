/** Rows of a layered drawing: which one a node goes to, and stand-ins for edges that pass rows. */

import { Lengths, shortenLengths } from "./simplex.js";

/** Up to this size long edges are led around boxes; beyond it a drawing must be quick. */
export const ROUTED_NODES = 300;

/** A topological order, and the numbers of the edges to leave out to have one. */
export function orderAndBackEdges(count, edges) {
  const outgoing = Array.from({ length: count }, () => []);
  const waiting = new Int32Array(count);
  edges.forEach(([start, end], number) => {
    outgoing[start].push(number);
    waiting[end] += 1;
  });
  const state = new Uint8Array(count); // 0 new, 1 open, 2 finished
  const next = new Int32Array(count);
  const order = [];
  const back = new Set();
  const walk = (root) => {
    const stack = [root];
    state[root] = 1;
    while (stack.length) {
      const node = stack[stack.length - 1];
      if (next[node] === outgoing[node].length) {
        state[node] = 2;
        order.push(node);
        stack.pop();
        continue;
      }
      const number = outgoing[node][next[node]++];
      const end = edges[number][1];
      if (state[end] === 1) back.add(number);
      else if (!state[end]) {
        state[end] = 1;
        stack.push(end);
      }
    }
  };
  for (let node = 0; node < count; node++) if (!waiting[node] && !state[node]) walk(node);
  for (let node = 0; node < count; node++) if (!state[node]) walk(node);
  return { order: order.reverse(), back };
}

/** The row of each node: edges short, all of them if the graph is small. */
export function assignRows(count, edges, order) {
  const before = Array.from({ length: count }, () => []);
  const after = Array.from({ length: count }, () => []);
  for (const [start, end] of edges) {
    before[end].push(start);
    after[start].push(end);
  }
  const row = new Array(count).fill(0);
  for (const node of order) {
    for (const start of before[node]) row[node] = Math.max(row[node], row[start] + 1);
  }
  if (count <= ROUTED_NODES) return shortestRows(row, edges);
  for (const node of [...order].reverse()) {
    // A node with more users than arguments makes shorter edges next to its users. Leaves that
    // serve it alone come along.
    const held = before[node].filter((start) => before[start].length || after[start].length > 1);
    if (after[node].length > held.length) {
      row[node] = after[node].reduce((low, end) => Math.min(low, row[end]), Infinity) - 1;
    }
  }
  const top = row.reduce((low, value) => Math.min(low, value), Infinity);
  return row.map((value) => value - top);
}

/** Rows with the least total length of edges; where that leaves a choice, the later row. */
function shortestRows(row, edges) {
  const last = row.length;
  if (!last) return [];
  const lengths = new Lengths(edges.length + last);
  for (const [start, end] of edges) lengths.add(start, end, 1, 1);
  for (let node = 0; node < last; node++) lengths.add(node, last, 0, 0.5 / last);
  const places = shortenLengths([...row, Math.max(...row)], lengths, 4 * last);
  const top = Math.min(...places);
  return Array.from(places.subarray(0, last), (place) => Math.round(place - top));
}

/**
 * The graph in rows; with `standIns` every edge has a vertex in each row that it passes. Edges into
 * a node that gathers them share theirs: they run as one line. Of the nodes the last
 * `entries + exits` are held in a first and a last row of their own.
 * `chains` has for each edge the vertices that it runs through; `up` and `down` are `Links`.
 */
export function makeLayered(count, edges, standIns, { entries = 0, exits = 0, at = [], gathers = [] } = {}) {
  const real = count - entries - exits;
  const { order, back } = orderAndBackEdges(count, edges);
  const forward = edges.map(([start, end], n) => (back.has(n) ? [end, start] : [start, end]));
  const inner = forward.filter(([a, b], n) => !back.has(n) && a < real && b < real);
  const rowOf = assignRows(real, inner, order.filter((node) => node < real));
  const shift = entries ? 1 : 0;
  for (let node = 0; node < real; node++) rowOf[node] += shift;
  const last = rowOf.reduce((high, value) => Math.max(high, value), shift - 1) + 1;
  for (let node = real; node < count; node++) rowOf.push(node < real + entries ? 0 : last);
  const rows = Array.from({ length: last + (exits ? 1 : 0) }, () => []);
  rowOf.forEach((row, node) => rows[row].push(node));
  const lines = new Map(); // of a node that gathers edges: the stand-in in each row
  const chains = forward.map(([start, end], number) => {
    if (start === end) return [start];
    const chain = [start];
    const gathered = gathers[end] && !back.has(number);
    if (gathered && !lines.has(end)) lines.set(end, []);
    const line = gathered ? lines.get(end) : [];
    for (let row = rowOf[start] + 1; standIns && row < rowOf[end]; row++) {
      if (line[row] === undefined) {
        line[row] = rowOf.length;
        rows[row].push(rowOf.length);
        rowOf.push(row);
      }
      chain.push(line[row]);
    }
    chain.push(end);
    return chain;
  });
  const links = linksAlong(chains, count, rowOf.length, at);
  const { up, down } = neighbours(rowOf.length, links);
  for (const number of back) chains[number].reverse();
  return { count, rows, rowOf: Int32Array.from(rowOf), up, down, chains, links };
}

/** What chains consist of, each once: [upper, lower, where on the upper, where on the lower]. */
function linksAlong(chains, count, total, at) {
  const links = [];
  const shared = new Set();
  chains.forEach((chain, number) => {
    const [leaving = 0, entering = NaN] = at[number] ?? [];
    for (let k = 0; k + 1 < chain.length; k++) {
      const [upper, lower] = [chain[k], chain[k + 1]];
      if (upper >= count || lower >= count) {
        const pair = upper * total + lower;
        if (shared.has(pair)) continue;
        shared.add(pair);
      }
      links.push([upper, lower, k ? 0 : leaving, k + 2 === chain.length ? entering : 0]);
    }
  });
  return links;
}

/**
 * The neighbours of every vertex in one direction, in one array for all: those of a vertex are
 * `to[k]` for k from `first[vertex]` to before `first[vertex + 1]`, and `at[k]` is where on the
 * neighbour the edge ends, in places from its middle.
 */
class Links {
  constructor(sizes) {
    this.first = new Int32Array(sizes.length + 1);
    for (let k = 0; k < sizes.length; k++) this.first[k + 1] = this.first[k] + sizes[k];
    this.next = this.first.slice(); // where each vertex's next one goes
    this.to = new Int32Array(this.first[sizes.length]);
    this.at = new Float64Array(this.to.length);
  }

  add(vertex, other, at) {
    const k = this.next[vertex]++;
    this.to[k] = other;
    this.at[k] = at;
  }

  count(vertex) {
    return this.first[vertex + 1] - this.first[vertex];
  }

  /** The neighbours of a vertex. */
  of(vertex) {
    return this.to.subarray(this.first[vertex], this.first[vertex + 1]);
  }
}

/** The neighbours that links give the vertices, those of arguments in order. */
function neighbours(count, links) {
  const [above, below] = [new Int32Array(count), new Int32Array(count)];
  for (const [upper, lower] of links) {
    below[upper] += 1;
    above[lower] += 1;
  }
  const [up, down] = [new Links(above), new Links(below)];
  for (const [upper, lower, leaving, entering] of links) {
    down.add(upper, lower, entering);
    up.add(lower, upper, leaving);
  }
  portsOfArguments(up, down);
  return { up, down };
}

/** Where edges enter a user if nothing was said: arguments left to right in one place's width. */
function portsOfArguments(up, down) {
  for (let vertex = 0; vertex + 1 < down.first.length; vertex++) {
    for (let k = down.first[vertex]; k < down.first[vertex + 1]; k++) {
      if (!Number.isNaN(down.at[k])) continue;
      const near = up.of(down.to[k]);
      const one = near.length === 1 || near.length > 8;
      down.at[k] = one ? 0 : (near.indexOf(vertex) + 1) / (near.length + 1) - 0.5;
    }
  }
}
