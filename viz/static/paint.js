/** How the shapes of a scene are coloured: looks, heat, choice, marks. */

import { SMALL_SIZE, heatColour, inkOn, shortNumber, textWidth } from "./glyphs.js";

/** Sums of a heat over the items, null where no node has a number; and the extremes. */
export function heatOfItems(scene, heat) {
  const values = scene.items.map(() => null);
  heat.of.forEach((value, node) => {
    if (value === null || value === undefined || !Number.isFinite(value)) return;
    const item = scene.itemOf[node];
    values[item] = (values[item] ?? 0) + value;
  });
  const known = values.filter((value) => value !== null);
  const high = known.reduce((a, b) => Math.max(a, b), 0);
  const total = known.reduce((a, b) => a + b, 0);
  return { values, low: known.reduce((a, b) => Math.min(a, b), 0), high, total };
}

/**
 * How every item and edge is drawn.
 *
 * `state` may hold `chosen` (an item), `up` and `down` (sets of nodes that lead to it and away),
 * `heat`, `came` and `went` (sets of nodes), `origin` and `hits` (a set of nodes).
 */
export function paintScene(document, scene, palette, state) {
  const warm = state.heat ? heatOfItems(scene, state.heat) : null;
  const flags = itemFlags(document, scene, state);
  const items = scene.items.map((item, number) => {
    const flag = flags[number];
    const tone = flag.came ? "came" : flag.went ? "went" : item.look;
    const [fill, stroke, text = palette.text, soft = palette.soft] = palette[tone];
    const style = { fill, stroke, text, soft, line: item.look.startsWith("out") ? 1.6 : 1.1 };
    if (warm) Object.assign(style, heatStyle(item, warm, number, palette, state.heat.unit));
    if (flag.up || flag.down) Object.assign(style, { stroke: flag.up ? palette.up : palette.down, line: 2 });
    if (flag.origin) Object.assign(style, { ring: palette.came[1] });
    if (flag.hit) Object.assign(style, { ring: palette.down });
    if (flag.alarm) Object.assign(style, { stroke: palette.alarm, line: 2.4, badge: palette.alarm });
    if (number === state.chosen) Object.assign(style, { ring: palette.select });
    const pale = state.chosen >= 0 && number !== state.chosen && !flag.up && !flag.down;
    return { ...style, opacity: pale && !flag.alarm ? 0.28 : 1, struck: flag.went && !flag.came };
  });
  return { items, edges: scene.edges.map((edge) => edgeStyle(document, edge, palette, state)), warm };
}

function itemFlags(document, scene, state) {
  const flags = scene.items.map(() => ({}));
  const raise = (nodes, name) => {
    for (const node of nodes ?? []) if (node in scene.itemOf) flags[scene.itemOf[node]][name] = true;
  };
  for (const name of ["up", "down", "came", "went"]) raise(state[name], name);
  raise(state.hits, "hit");
  if (state.origin !== null && state.origin !== undefined) raise([state.origin], "origin");
  document.nodes.forEach((node, id) => node.alarm && raise([id], "alarm"));
  return flags;
}

function heatStyle(item, warm, number, palette, unit) {
  const value = warm.values[number];
  if (value === null) {
    return { fill: palette.page, stroke: palette.far, text: palette.soft, soft: palette.soft };
  }
  const fill = heatColour(palette, (value - warm.low) / (warm.high - warm.low || 1));
  const ink = inkOn(fill);
  const text = `${shortNumber(value)}${unit ? ` ${unit}` : ""}`;
  const share = warm.low >= 0 && warm.total ? ` · ${Math.round((100 * value) / warm.total)} %` : "";
  const full = `${text}${share}`;
  const small = textWidth(full, SMALL_SIZE) <= item.width - 8 ? full : text;
  return { fill, text: ink, soft: ink, small: item.small ? small : "" };
}

function edgeStyle(document, edge, palette, state) {
  const style = { stroke: edge.far ? palette.far : palette.edge, line: 1.2, opacity: 1, dash: edge.back, stub: edge.stub };
  if (edge.numbers.length > 1) style.line = Math.min(1.2 + 0.4 * Math.log2(edge.numbers.length), 3);
  const change = document.edges[edge.numbers[0]][6];
  if (change) Object.assign(style, { stroke: palette[change > 0 ? "came" : "went"][1], dash: change < 0 || edge.back });
  if (!(state.chosen >= 0)) return style;
  const joins = (set, here) =>
    edge.numbers.some((number) => {
      const [start, end] = document.edges[number];
      const inside = (node) => set.has(node) || here.has(node);
      return inside(start) && inside(end);
    });
  if (joins(state.up, state.here)) Object.assign(style, { stroke: palette.up, line: style.line + 0.6, stub: false });
  else if (joins(state.down, state.here)) Object.assign(style, { stroke: palette.down, line: style.line + 0.6, stub: false });
  else style.opacity = 0.22;
  return style;
}
