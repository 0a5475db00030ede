/** From a visible graph to shapes with places. */

import { FONT_SIZE, SMALL_SIZE, shortened, textWidth } from "./glyphs.js";
import { layoutGraph } from "./layout.js";
import { ROUTED_NODES, orderAndBackEdges } from "./rows.js";
import { boxesAround } from "./fold.js";

const LONG_EDGE = 220;
// Where long edges run across nodes, those longer than this are drawn as their two ends only.
const STUB_EDGE = 700;
// So many edges into a folded box, where their order says nothing, run together as one line.
const MANY_EDGES = 8;
const MAX_LABEL = 40;
const HEADER = 24;
const FRAME_PAD = 12;
const LOOKS = {
  input: "input",
  "shared variable": "shared",
  constant: "const",
  variable: "var",
  output: "out",
  update: "shared",
};

// ---- items ----------------------------------------------------------------------------------

/** The user's name, the rest of the first line and the second line of a node's label. */
export function nodeText(node) {
  const isOp = node.kind === "op";
  let [name, label] = [node.name ?? "", shortened(node.label ?? "", MAX_LABEL)];
  if (isOp && name) [name, label] = [shortened(name, MAX_LABEL), label ? ` = ${label}` : ""];
  else if (node.kind === "constant") name = "";
  else if (!isOp) [name, label] = [label || name, ""];
  let small = node.kind === "constant" ? "" : node.type ?? "";
  if (!name && !label) [label, small] = [small || node.kind, ""];
  return { name, label, small: shortened(small, MAX_LABEL) };
}

/** The look of a node; of several looks the one that tells most. */
export function lookOf(node) {
  if (node.kind !== "op") return LOOKS[node.kind];
  if (node.of_output || node.outputs?.length) return node.gradient ? "outgrad" : "out";
  return node.gradient ? "grad" : node.name ? "named" : "op";
}

function nodeShape(node) {
  const text = nodeText(node);
  const barrel = node.kind === "shared variable" || node.kind === "update";
  const pill = ["input", "variable", "output"].includes(node.kind);
  const constant = node.kind === "constant";
  const padding = node.kind === "input" ? 26 : constant ? 12 : 20;
  const height = constant ? 20 : (text.small ? 34 : 24) + (barrel ? 8 : 0);
  const first = textWidth(text.name, FONT_SIZE, true) + textWidth(text.label, FONT_SIZE);
  const width = Math.max(Math.max(first, textWidth(text.small, SMALL_SIZE)) + padding, 26);
  const radius = pill ? height / 2 : constant ? 10 : 5;
  const copy = node.copy_of !== undefined && !constant;
  return { ...text, look: lookOf(node), width, height, radius, barrel, copy };
}

function boxShape(folding, box) {
  const { label, note } = folding.boxes[box];
  const name = shortened(label, MAX_LABEL);
  const small = shortened(note || countOf(folding.sizes[box], "node"), MAX_LABEL);
  const text = Math.max(textWidth(name, FONT_SIZE, true), textWidth(small, SMALL_SIZE));
  const look = { look: "box", radius: 5, barrel: false, copy: false };
  return { name, label: "", small, width: text + 44, height: 38, ...look };
}

export function countOf(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

// ---- nested layout --------------------------------------------------------------------------

/**
 * Places of all that is visible: items (centre x, y, width, height), frames of open boxes
 * (top left x, y), edges with their points, and the size of the whole.
 */
export function buildScene(document, folding, visible) {
  const items = visible.items.map((item) => ({
    ...item,
    ...(item.box < 0 ? nodeShape(document.nodes[item.node]) : boxShape(folding, item.box)),
  }));
  countValues(document, items, visible.itemOf);
  const routed = items.length <= ROUTED_NODES;
  const levels = makeLevels(items);
  const edges = visible.edges.map((edge) => sceneEdge(document, items, edge));
  joinLevels(items, levels, edges, routed);
  const frames = [];
  for (const box of [...levels.keys()].sort((a, b) => levels.get(b).depth - levels.get(a).depth)) {
    placeLevel(items, levels, box, folding, routed, folding.name === null ? document.places : null);
  }
  const root = levels.get(-1);
  spread(items, levels, folding, root, 0, 0, frames);
  edges.forEach((edge) => finishEdge(edge, items, levels, routed));
  markPorts(document, edges);
  edges.sort((a, b) => b.far - a.far);
  const { width, height } = root.drawn;
  return { items, frames, edges, itemOf: visible.itemOf, width, height };
}

/** Note how many values leave each node. */
function countValues(document, items, itemOf) {
  for (const edge of document.edges) {
    const item = items[itemOf[edge[0]]];
    if (edge[4] && item.box < 0) item.values = Math.max(item.values ?? 1, edge[4] + 1);
  }
}

/** The levels of nesting: the children of the page (-1) and of every open box. */
function makeLevels(items) {
  const levels = new Map([[-1, { depth: 0, children: [], links: new Map(), ports: new Map() }]]);
  items.forEach((item, number) => {
    let above = -1;
    item.path.forEach((box, depth) => {
      if (!levels.has(box)) {
        levels.get(above).children.push(`c${box}`);
        levels.set(box, { depth: depth + 1, children: [], links: new Map(), ports: new Map() });
      }
      above = box;
    });
    levels.get(above).children.push(`i${number}`);
  });
  return levels;
}

function sceneEdge(document, items, { start, end, numbers }) {
  const [, , label, port, output, ordered] = document.edges[numbers[0]];
  const same = numbers.every((number) => document.edges[number][2] === label);
  const plain = items[start].box < 0;
  return {
    start, end, numbers, port, ordered: ordered && items[end].box < 0,
    output: plain ? output ?? 0 : 0,
    label: numbers.length === 1 ? label ?? "" : same && label ? `${numbers.length} × ${label}` : countOf(numbers.length, "edge"),
    segments: [],
  };
}

/** Give every edge its links in the levels that it passes, turned where they would close a cycle. */
function joinLevels(items, levels, edges, routed) {
  const met = new Map([...levels.keys()].map((box) => [box, []]));
  const childAt = (number, depth) => {
    const { path } = items[number];
    return depth < path.length ? `c${path[depth]}` : `i${number}`;
  };
  for (const edge of edges) {
    const [one, two] = [items[edge.start].path, items[edge.end].path];
    let depth = 0;
    while (depth < one.length && one[depth] === two[depth]) depth += 1;
    edge.depth = depth;
    met.get(depth ? one[depth - 1] : -1).push(edge);
  }
  for (const [box, list] of met) {
    const index = new Map(levels.get(box).children.map((child, k) => [child, k]));
    const pairs = list.map((edge) => [
      index.get(childAt(edge.start, edge.depth)),
      index.get(childAt(edge.end, edge.depth)),
    ]);
    const { back } = orderAndBackEdges(index.size, pairs);
    list.forEach((edge, k) => {
      edge.back = back.has(k);
      const [from, to] = edge.back ? [edge.end, edge.start] : [edge.start, edge.end];
      addSegments(items, levels, edge, { from, to, box, childAt, routed });
    });
  }
}

/** The parts of an edge: out of the boxes around its start, across, into those around its end. */
function addSegments(items, levels, edge, { from, to, box, childAt, routed }) {
  const value = `${from}:${edge.back ? 0 : edge.output}`;
  const link = (level, start, end, name) => {
    const { links } = levels.get(level);
    if (!links.has(name)) links.set(name, { start, end, edge });
    edge.segments.push([level, name]);
  };
  const [one, two] = [items[from].path, items[to].path];
  const port = (level, name) => {
    if (!levels.get(level).ports.has(name)) levels.get(level).ports.set(name, {});
    return name;
  };
  const alone = `e${edge.numbers[0]}`;
  if (routed) {
    for (let k = one.length - 1; k >= edge.depth; k--) {
      link(one[k], childAt(from, k + 1), port(one[k], `>${value}`), `${value}>`);
    }
  }
  const end = childAt(to, edge.depth);
  link(box, childAt(from, edge.depth), end, routed && end[0] === "c" ? `${value}|${end}` : alone);
  if (!routed) return;
  for (let k = edge.depth; k < two.length; k++) {
    const inner = childAt(to, k + 1);
    const name = inner[0] === "c" ? `<${value}|${inner}` : `<${alone}`;
    link(two[k], port(two[k], `<${value}`), inner, name);
  }
}

/** Lay out one level, the levels inside it being done, unless its `places` are known. */
function placeLevel(items, levels, box, folding, routed, places) {
  const level = levels.get(box);
  const entries = [...level.ports.keys()].filter((name) => name[0] === "<");
  const exits = [...level.ports.keys()].filter((name) => name[0] === ">");
  const names = [...level.children, ...entries, ...exits];
  const index = new Map(names.map((name, k) => [name, k]));
  const sizeOf = (name) => {
    if (name[0] === "i") return [items[name.slice(1)].width, items[name.slice(1)].height];
    const inner = levels.get(Number(name.slice(1)));
    return name[0] === "c" ? [inner.width, inner.height] : [0, 0];
  };
  const links = [...level.links.values()];
  const edges = links.map(({ start, end }) => [index.get(start), index.get(end)]);
  const drawn = places ? drawnAt(places, items, links) : layoutGraph(names.map(sizeOf), edges, {
    ends: links.map((link) => endsOf(items, levels, link, routed)),
    gathers: gathering(items, names, links),
    entries: entries.length,
    exits: exits.length,
    routed,
  });
  [...level.links.keys()].forEach((name, k) => (level.links.get(name).points = drawn.paths[k]));
  level.drawn = drawn;
  level.index = index;
  if (box < 0) return;
  const title = textWidth(shortened(folding.boxes[box].label, MAX_LABEL), FONT_SIZE, true) + 46;
  level.width = Math.max(drawn.width + 2 * FRAME_PAD, title);
  level.left = (level.width - drawn.width) / 2;
  level.top = entries.length ? HEADER - 8 : HEADER + 6;
  level.height = level.top + drawn.height + (exits.length ? 0 : FRAME_PAD);
}

/** A layout of known places, those of a document without boxes. */
function drawnAt({ size: [width, height], nodes, edges }, items, links) {
  const boxes = items.map(({ node, width, height }) => ({ x: nodes[node][0], y: nodes[node][1], width, height }));
  return { boxes, paths: links.map(({ edge }) => edges[edge.numbers[0]]), width, height };
}

/** Which children are folded boxes that so many edges enter that these are drawn as one line. */
function gathering(items, names, links) {
  const arriving = new Map();
  for (const { end } of links) arriving.set(end, (arriving.get(end) ?? 0) + 1);
  return names.map(
    (name) => name[0] === "i" && items[name.slice(1)].box >= 0 && arriving.get(name) > MANY_EDGES,
  );
}

/** Where a link leaves its start and enters its end, in parts of their widths from the middle. */
function endsOf(items, levels, { start, end, edge }, routed) {
  const portIn = (child, name) => {
    const level = levels.get(Number(child.slice(1)));
    const at = level.index.get(name);
    return at === undefined ? 0 : (level.left + level.drawn.boxes[at].x) / level.width - 0.5;
  };
  const from = edge.back ? edge.end : edge.start;
  const value = `${from}:${edge.back ? 0 : edge.output}`;
  let leaving = 0;
  if (start[0] === "c") leaving = routed ? portIn(start, `>${value}`) : 0;
  else if (start[0] === "i" && !edge.back) leaving = leavingAt(items[edge.start], edge.output);
  return [leaving, end[0] === "c" && routed ? portIn(end, `<${value}`) : undefined];
}

/** Where a value leaves its box: the only one in the middle, several side by side. */
function leavingAt(item, output) {
  return item.values > 1 ? (output + 1) / (item.values + 1) - 0.5 : 0;
}

/** Turn places within levels into places on the page. */
function spread(items, levels, folding, level, x, y, frames) {
  level.origin = [x, y];
  level.children.forEach((child, k) => {
    const number = Number(child.slice(1));
    const place = level.drawn.boxes[k];
    if (child[0] === "i") {
      items[number].x = x + place.x;
      items[number].y = y + place.y;
      return;
    }
    const inner = levels.get(number);
    const [left, top] = [x + place.x - inner.width / 2, y + place.y - inner.height / 2];
    const { label, kind } = folding.boxes[number];
    frames.push({
      box: number, x: left, y: top, width: inner.width, height: inner.height, header: HEADER,
      name: shortened(label, MAX_LABEL), kind, depth: inner.depth,
    });
    spread(items, levels, folding, inner, left + inner.left, top + inner.top, frames);
  });
}

/** The points of an edge from those of its parts. */
function finishEdge(edge, items, levels, routed) {
  let points = [];
  for (const [box, name] of edge.segments) {
    const { origin, links } = levels.get(box);
    for (const [x, y] of links.get(name).points) points.push([x + origin[0], y + origin[1]]);
  }
  const [start, end] = [items[edge.start], items[edge.end]];
  const upper = edge.back ? end : start;
  const lower = edge.back ? start : end;
  if (edge.segments.length === 1 && (upper.path.length > edge.depth || lower.path.length > edge.depth)) {
    points = [[upper.x, upper.y + upper.height / 2], [lower.x, lower.y - lower.height / 2]];
  }
  edge.points = edge.back ? points.reverse() : points;
  edge.bounds = [Infinity, Infinity, -Infinity, -Infinity];
  for (const point of points) {
    for (const k of [0, 1]) {
      edge.bounds[k] = Math.min(edge.bounds[k], point[k]);
      edge.bounds[k + 2] = Math.max(edge.bounds[k + 2], point[k]);
    }
  }
  const reach = Math.max(edge.bounds[3] - edge.bounds[1], (edge.bounds[2] - edge.bounds[0]) / 2);
  edge.far = reach > LONG_EDGE ? 1 : 0;
  edge.stub = !routed && reach > STUB_EDGE;
}

/** Numbers at arguments that matter in order and do not stand left to right. */
function markPorts(document, edges) {
  const last = new Map();
  const mixed = new Set();
  const inOrder = [...edges].sort((a, b) => a.numbers[0] - b.numbers[0]);
  for (const { ordered, end, points } of inOrder) {
    if (!ordered || !points.length) continue;
    const x = points[points.length - 1][0];
    if (x < (last.get(end) ?? x)) mixed.add(end);
    last.set(end, x);
  }
  for (const edge of edges) edge.mark = mixed.has(edge.end) && edge.ordered ? edge.port + 1 : 0;
}

// ---- looking things up ----------------------------------------------------------------------

/** The item at a point, as its number, or -1. */
export function itemAt(scene, x, y) {
  return scene.items.findIndex(
    (item) => Math.abs(x - item.x) <= item.width / 2 && Math.abs(y - item.y) <= item.height / 2,
  );
}

/** The innermost open box at whose header a point is, as its number among boxes, or -1. */
export function headerAt(scene, x, y) {
  const hit = scene.frames.filter(
    (frame) =>
      x >= frame.x && x <= frame.x + frame.width && y >= frame.y && y <= frame.y + frame.header,
  );
  return hit.length ? hit.reduce((a, b) => (a.depth > b.depth ? a : b)).box : -1;
}

/** The item next to another one: to an input (`up`), a user (`down`), `left` or `right`; or -1. */
export function neighbourOf(scene, from, way) {
  const here = scene.items[from];
  const near = new Set();
  for (const { start, end } of scene.edges) {
    if (way === "up" && end === from) near.add(start);
    if (way === "down" && start === from) near.add(end);
  }
  const sideways = way === "left" ? -1 : way === "right" ? 1 : 0;
  if (sideways) {
    scene.items.forEach((item, number) => {
      const level = Math.abs(item.y - here.y) < (item.height + here.height) / 4 + 4;
      if (number !== from && level && (item.x - here.x) * sideways > 0) near.add(number);
    });
  }
  const cost = (number) => {
    const item = scene.items[number];
    const far = (way === "up") === item.y > here.y && !sideways ? 1e6 : 0;
    return Math.abs(item.x - here.x) + Math.abs(item.y - here.y) * (sideways ? 0 : 0.5) + far;
  };
  let best = -1;
  for (const number of near) if (best < 0 || cost(number) < cost(best)) best = number;
  return best;
}

/** The nodes that an item stands for. */
export function nodesOf(folding, item) {
  if (item.box < 0) return [item.node];
  const inside = (box) => boxesAround(folding, box).includes(item.box);
  return folding.of.flatMap((box, node) => (box >= 0 && inside(box) ? [node] : []));
}
