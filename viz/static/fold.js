/** Folding: which nodes and boxes are visible, what leads to what, and where a text occurs. */

/** The boxes of a grouping of a document, checked and counted; no boxes for the name null. */
export function foldingOf(document, name) {
  const grouping = (document.groupings ?? []).find((one) => one.name === name);
  if (!grouping) {
    return { name: null, label: "", boxes: [], of: document.nodes.map(() => -1), sizes: [] };
  }
  const of = document.nodes.map((_, node) => grouping.of[node] ?? -1);
  homesOfConstants(document, of);
  const sizes = grouping.boxes.map(() => 0);
  for (const box of of) {
    for (let at = box; at >= 0; at = parentOf(grouping.boxes, at)) sizes[at] += 1;
  }
  return { name, label: grouping.label ?? name, boxes: grouping.boxes, of, sizes };
}

function parentOf(boxes, box) {
  return boxes[box].parent ?? -1;
}

/** Constants that serve one box alone go along with it. */
function homesOfConstants(document, of) {
  const homes = new Map();
  for (const [start, end] of document.edges) {
    if (document.nodes[start].kind !== "constant" || of[start] >= 0) continue;
    homes.set(start, homes.has(start) && homes.get(start) !== of[end] ? -1 : of[end]);
  }
  for (const [node, box] of homes) of[node] = box;
}

/** The boxes around a place, outermost first, the given box included. */
export function boxesAround(folding, box) {
  const found = [];
  for (let at = box; at >= 0; at = parentOf(folding.boxes, at)) found.unshift(at);
  return found;
}

/**
 * What is visible when the boxes of the set `open` are open.
 *
 * `items` are nodes and folded boxes, each with the open boxes around it (`path`), `itemOf` tells
 * the item of every node, `edges` join items and list the document's edges they stand for.
 */
export function visibleGraph(document, folding, open) {
  const items = [];
  const itemOf = new Int32Array(document.nodes.length);
  const ofBox = new Map();
  const paths = new Map([[-1, { path: [], folded: -1 }]]);
  folding.boxes.forEach((_, box) => {
    const around = boxesAround(folding, box);
    const shut = around.findIndex((one) => !open.has(one));
    const path = shut < 0 ? around : around.slice(0, shut);
    paths.set(box, { path, folded: shut < 0 ? -1 : around[shut] });
  });
  document.nodes.forEach((_, node) => {
    const { path, folded } = paths.get(folding.of[node]);
    if (folded >= 0 && ofBox.has(folded)) {
      itemOf[node] = ofBox.get(folded);
      return;
    }
    itemOf[node] = items.length;
    if (folded < 0) items.push({ key: `n${node}`, node, box: -1, path });
    else {
      ofBox.set(folded, items.length);
      items.push({ key: `b${folded}`, node: -1, box: folded, path });
    }
  });
  return { items, itemOf, edges: visibleEdges(document, items, itemOf) };
}

/** Edges between items; those that touch a box are merged, those between nodes stay as they are. */
function visibleEdges(document, items, itemOf) {
  const edges = [];
  const merged = new Map();
  document.edges.forEach(([from, to], number) => {
    const [start, end] = [itemOf[from], itemOf[to]];
    if (start === end) return;
    if (items[start].box < 0 && items[end].box < 0) {
      edges.push({ start, end, numbers: [number] });
      return;
    }
    const key = start * items.length + end;
    if (merged.has(key)) merged.get(key).numbers.push(number);
    else {
      merged.set(key, { start, end, numbers: [number] });
      edges.push(merged.get(key));
    }
  });
  return edges;
}

/** How a document wants to be seen first: grouping, open boxes, heat, focus. */
export function startOf(document, manyNodes) {
  const given = document.start ?? {};
  const first = document.groupings?.[0]?.name ?? null;
  const many = document.nodes.length > manyNodes;
  const grouping = given.grouping !== undefined ? given.grouping : many ? first : null;
  const folding = foldingOf(document, grouping);
  return {
    folding,
    open: opened(folding, given.open ?? "none"),
    heat: given.heat ?? null,
    focus: given.focus ?? null,
  };
}

/** The set of open boxes that "all", "none" or a list of boxes means. */
export function opened(folding, which) {
  if (which === "all") return new Set(folding.boxes.keys());
  return new Set(which === "none" ? [] : which.filter((box) => box in folding.boxes));
}

/** For each node the numbers of the edges that enter it and that leave it. */
export function linksOf(document) {
  const inputs = document.nodes.map(() => []);
  const users = document.nodes.map(() => []);
  document.edges.forEach(([start, end], number) => {
    users[start].push(number);
    inputs[end].push(number);
  });
  const copies = new Map(); // an original and its copies, all under one list
  document.nodes.forEach(({ copy_of: original }, node) => {
    if (original === undefined || original === null) return;
    if (!copies.has(original)) copies.set(original, [original]);
    copies.get(original).push(node);
    copies.set(node, copies.get(original));
  });
  return { inputs, users, copies };
}

/** All nodes that the given ones depend on (`upward`), or that depend on them; without these. */
export function reached(document, links, nodes, upward) {
  const lists = upward ? links.inputs : links.users;
  const begin = new Set(nodes.flatMap((node) => links.copies.get(node) ?? [node]));
  const seen = new Set(begin);
  const stack = [...begin];
  while (stack.length) {
    for (const number of lists[stack.pop()]) {
      const next = document.edges[number][upward ? 0 : 1];
      if (seen.has(next)) continue;
      seen.add(next);
      stack.push(next);
    }
  }
  for (const node of begin) seen.delete(node);
  return seen;
}

/** The nodes in which all words of a text occur; those so named come first. */
export function searchNodes(document, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  const ranked = [];
  document.nodes.forEach((node, id) => {
    const title = [node.name, node.label].filter(Boolean).join(" ").toLowerCase();
    const parts = [title, node.type, node.text, node.line, node.where, node.scope, node.kind];
    const all = parts.filter(Boolean).join(" ").toLowerCase();
    if (!words.every((word) => all.includes(word))) return;
    const exact = (node.name ?? node.label ?? "").toLowerCase() === words.join(" ");
    ranked.push([exact ? 0 : words.every((word) => title.includes(word)) ? 1 : 2, id]);
  });
  return ranked.sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([, id]) => id);
}
