/** Rows of a layered drawing: which one a node goes to, and stand-ins for edges that pass rows. */

import { shortenLengths } from "./simplex.js";

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
  const constraints = edges.map(([start, end]) => [start, end, 1, 1]);
  for (let node = 0; node < last; node++) constraints.push([node, last, 0, 0.5 / last]);
  const places = shortenLengths([...row, Math.max(...row)], constraints, 4 * last);
  const top = Math.min(...places);
  return [...places.subarray(0, last)].map((place) => Math.round(place - top));
}

/**
 * The graph in rows; with `standIns` every edge has a vertex in each row that it passes.
 * Of the nodes the last `entries + exits` are held in a first and a last row of their own.
 */
export function makeLayered(count, edges, standIns, { entries = 0, exits = 0, at = [] } = {}) {
  const real = count - entries - exits;
  const { order, back } = orderAndBackEdges(count, edges);
  const forward = edges.map(([start, end], n) => (back.has(n) ? [end, start] : [start, end]));
  const inner = forward.filter(([a, b], n) => !back.has(n) && a < real && b < real);
  const rowOf = assignRows(real, inner, order.filter((node) => node < real));
  const shift = entries ? 1 : 0;
  for (let node = 0; node < real; node++) rowOf[node] += shift;
  const last = rowOf.reduce((high, value) => Math.max(high, value), shift - 1) + 1;
  for (let node = real; node < count; node++) rowOf.push(node < real + entries ? 0 : last);
  const lists = () => Array.from({ length: count }, () => []);
  const rows = Array.from({ length: last + (exits ? 1 : 0) }, () => []);
  const graph = { count, rows, rowOf, up: lists(), down: lists(), upAt: lists(), downAt: lists() };
  rowOf.forEach((row, node) => rows[row].push(node));
  graph.chains = forward.map(([start, end], number) => {
    if (start === end) return [start];
    const [leaving, entering] = at[number] ?? [];
    const chain = connect(graph, start, end, standIns, leaving ?? 0, entering);
    return back.has(number) ? chain.reverse() : chain;
  });
  portsOfArguments(graph);
  return graph;
}

/** Connect two nodes, through new stand-in vertices where asked; the vertices passed. */
function connect(graph, start, end, standIns, leaving, entering) {
  const chain = [start];
  if (standIns) {
    for (let row = graph.rowOf[start] + 1; row < graph.rowOf[end]; row++) {
      chain.push(graph.rowOf.length);
      graph.rows[row].push(graph.rowOf.length);
      graph.rowOf.push(row);
      for (const list of [graph.up, graph.down, graph.upAt, graph.downAt]) list.push([]);
    }
  }
  chain.push(end);
  for (let k = 0; k + 1 < chain.length; k++) {
    graph.down[chain[k]].push(chain[k + 1]);
    graph.downAt[chain[k]].push(k + 2 === chain.length ? entering : 0);
    graph.up[chain[k + 1]].push(chain[k]);
    graph.upAt[chain[k + 1]].push(k ? 0 : leaving);
  }
  return chain;
}

/** Where edges enter a user if nothing was said: arguments left to right in one place's width. */
function portsOfArguments(graph) {
  graph.down.forEach((users, vertex) => {
    users.forEach((user, k) => {
      if (graph.downAt[vertex][k] !== undefined) return;
      const near = graph.up[user];
      const one = near.length === 1 || near.length > 8;
      graph.downAt[vertex][k] = one ? 0 : (near.indexOf(vertex) + 1) / (near.length + 1) - 0.5;
    });
  });
}
