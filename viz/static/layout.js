/**
 * Where the boxes and edges of a layered drawing go; data flows from top to bottom.
 * The same steps as the Python layout: rows, order in rows, places, paths.
 */

import { orderRows } from "./ordering.js";
import { nearestRising, placeAligned, placeBySweeps } from "./placement.js";
import { ROUTED_NODES, makeLayered } from "./rows.js";

const ROUTED_VERTICES = 5000;
const NODE_GAP = 22;
const EDGE_GAP = 12;
const ROW_GAP = 26;
const PORT_GAP = 13;
const PORT_MARGIN = 8;

/**
 * The places of boxes of the given sizes, and of the edges between them.
 *
 * `sizes` are [width, height]; `edges` are [start, end]. `ends` holds for an edge where it leaves
 * and enters, as [leaving, entering] from -0.5 (left) to 0.5; entering may be left open. Edges into
 * a node for which `gathers` holds true come together as one line on their way. The last
 * `entries` + `exits` nodes get the first and the last row. Returns centres and sizes of boxes
 * `{x, y, width, height}`, a list of points for each edge, and the drawing's size.
 */
export function layoutGraph(sizes, edges, { ends = [], gathers = [], entries = 0, exits = 0, routed } = {}) {
  const count = sizes.length;
  const held = { entries, exits, at: ends, gathers };
  let standIns = routed ?? count <= ROUTED_NODES;
  let graph = makeLayered(count, edges, standIns, held);
  if (standIns && graph.rowOf.length > ROUTED_VERTICES) {
    standIns = false;
    graph = makeLayered(count, edges, standIns, held);
  }
  orderRows(graph, standIns);
  const widths = new Float64Array(graph.rowOf.length); // stand-ins have none
  for (let node = 0; node < count; node++) widths[node] = sizes[node][0];
  const between = (left, right) =>
    (widths[left] + widths[right]) / 2 +
    (left < count && right < count && widths[left] && widths[right] ? NODE_GAP : EDGE_GAP);
  const place = standIns ? placeAligned : placeBySweeps;
  let centre = place(graph, between, widths);
  const left = centre.reduce((low, x, k) => Math.min(low, x - widths[k] / 2), Infinity);
  centre = centre.map((x) => x - left);
  const right = centre.reduce((high, x, k) => Math.max(high, x + widths[k] / 2), 0);
  const bands = bandsOf(graph, sizes, centre);
  const boxes = sizes.map(([width, height], node) => {
    const [top, bottom] = bands[graph.rowOf[node]];
    return { x: centre[node], y: (top + bottom) / 2, width, height };
  });
  const paths = pathsOf(graph, boxes, centre, bands, edges, ends);
  const bottom = bands.length ? bands[bands.length - 1][1] : 0;
  return { boxes, paths, rowOf: graph.rowOf, width: right, height: bottom };
}

/** Top and bottom of each row; rows stand further apart where edges between them run far. */
function bandsOf(graph, sizes, centre) {
  const { first, to } = graph.down;
  let y = 0;
  return graph.rows.map((row) => {
    let [height, reach] = [0, 0];
    for (const vertex of row) {
      if (vertex < graph.count) height = Math.max(height, sizes[vertex][1]);
      for (let k = first[vertex]; k < first[vertex + 1]; k++) {
        if (graph.rowOf[to[k]] !== graph.rowOf[vertex] + 1) continue;
        reach = Math.max(reach, Math.abs(centre[vertex] - centre[to[k]]));
      }
    }
    const band = [y, y + height];
    y += height + ROW_GAP + Math.min(reach * 0.08, 1.4 * ROW_GAP);
    return band;
  });
}

/** The points of every edge, from the bottom of its start to the top of its end. */
function pathsOf(graph, boxes, centre, bands, edges, ends) {
  const origins = edges.map(
    ([start], number) => boxes[start].x + boxes[start].width * (ends[number]?.[0] ?? 0),
  );
  const entry = entriesOf(graph, boxes, centre, edges, ends, origins);
  return edges.map(([start, end], number) => {
    const chain = graph.chains[number];
    if (chain.length < 2) return [];
    const [source, target] = [boxes[start], boxes[end]];
    const upward = graph.rowOf[start] > graph.rowOf[end];
    const points = [];
    leadTo(points, origins[number], source.y + source.height / 2);
    if (!upward) leadTo(points, origins[number], bands[graph.rowOf[start]][1]);
    for (let k = 1; k + 1 < chain.length; k++) {
      const band = bands[graph.rowOf[chain[k]]];
      leadTo(points, centre[chain[k]], band[upward ? 1 : 0]);
      leadTo(points, centre[chain[k]], band[upward ? 0 : 1]);
    }
    if (!upward) leadTo(points, entry[number], bands[graph.rowOf[end]][0]);
    leadTo(points, entry[number], target.y - target.height / 2);
    return points;
  });
}

/** Adds a point to a path, whose straight parts have none between their ends. */
function leadTo(points, x, y) {
  const last = points[points.length - 1];
  if (!last || last[0] !== x) points.push([x, y]);
  else if (points.length > 1 && points[points.length - 2][0] === x) last[1] = y;
  else if (last[1] !== y) points.push([x, y]);
}

/** For each edge the x where it enters its end: right below where it comes from, if it can. */
function entriesOf(graph, boxes, centre, edges, ends, origins) {
  const entry = new Array(edges.length).fill(0);
  const arriving = new Map();
  edges.forEach(([, end], number) => {
    const fixed = ends[number]?.[1];
    if (fixed !== undefined) entry[number] = boxes[end].x + fixed * boxes[end].width;
    else if (arriving.has(end)) arriving.get(end).push(number);
    else arriving.set(end, [number]);
  });
  for (const [end, numbers] of arriving) {
    const box = boxes[end];
    const groups = new Map(); // edges that arrive as one line enter at one place
    for (const number of numbers) {
      const chain = graph.chains[number];
      const above = chain[chain.length - 2];
      const isLine = chain.length > 2;
      const key = isLine ? above : -1 - number;
      if (groups.has(key)) groups.get(key).numbers.push(number);
      else groups.set(key, { origin: isLine ? centre[above] : origins[number], numbers: [number] });
    }
    const arrivals = [...groups.values()].sort((a, b) => a.origin - b.origin);
    const room = Math.max(box.width - 2 * PORT_MARGIN, 0);
    const gap = Math.min(PORT_GAP, room / Math.max(arrivals.length - 1, 1));
    const first = box.x - room / 2;
    const last = box.x + room / 2 - gap * (arrivals.length - 1);
    const wanted = arrivals.map(({ origin }, k) => Math.min(Math.max(origin - gap * k, first), last));
    nearestRising(wanted).forEach((x, k) => {
      for (const number of arrivals[k].numbers) entry[number] = x + gap * k;
    });
  }
  return entry;
}
