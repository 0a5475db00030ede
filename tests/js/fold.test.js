/** Folding against a quotient graph made by brute force; search and reach against plain loops. */

import assert from "node:assert/strict";
import test from "node:test";

import { foldingOf, linksOf, opened, reached, searchNodes, startOf, visibleGraph } from "../../viz/static/fold.js";
import { randomDocument, randomSet, seeded } from "./graphs.js";

const SEEDS = Array.from({ length: 25 }, (_, seed) => seed + 1);

/** The name of what stands for a node: its outermost box that is shut, or itself. */
function standsFor(document, open, node) {
  const { boxes, of } = document.groupings[0];
  let box = homeOf(document, of, node);
  let name = `n${node}`;
  while (box !== null) {
    if (!open.has(box)) name = `b${box}`;
    box = boxes[box].parent;
  }
  return name;
}

/** Constants without a box are at home where all their users are. */
function homeOf(document, of, node) {
  if (of[node] !== null || document.nodes[node].kind !== "constant") return of[node];
  const homes = new Set(document.edges.filter(([start]) => start === node).map(([, end]) => of[end]));
  return homes.size === 1 ? [...homes][0] : null;
}

test("the visible graph is the quotient graph", () => {
  for (const seed of SEEDS) {
    const random = seeded(seed);
    const document = randomDocument(60, random);
    const open = randomSet(6, random);
    const { items, itemOf, edges } = visibleGraph(document, foldingOf(document, "random"), open);

    const names = document.nodes.map((_, node) => standsFor(document, open, node));
    assert.deepEqual(items.map(({ key }) => key).sort(), [...new Set(names)].sort());
    names.forEach((name, node) => assert.equal(items[itemOf[node]].key, name));

    const expected = new Map();
    document.edges.forEach(([start, end], number) => {
      if (names[start] === names[end]) return;
      const plain = names[start][0] === "n" && names[end][0] === "n";
      const key = `${names[start]}>${names[end]}${plain ? `#${number}` : ""}`;
      expected.set(key, [...(expected.get(key) ?? []), number]);
    });
    const found = edges.map(({ start, end, numbers }) => {
      const plain = items[start].node >= 0 && items[end].node >= 0;
      return [`${items[start].key}>${items[end].key}${plain ? `#${numbers[0]}` : ""}`, numbers];
    });
    assert.deepEqual(new Map(found), expected);
    assert.equal(found.length, expected.size);
  }
});

test("each item knows the open boxes around it, outermost first", () => {
  for (const seed of SEEDS) {
    const random = seeded(seed);
    const document = randomDocument(60, random);
    const open = randomSet(6, random);
    const folding = foldingOf(document, "random");
    for (const { node, box, path } of visibleGraph(document, folding, open).items) {
      const around = [];
      const { boxes } = folding;
      let at = box >= 0 ? boxes[box].parent : folding.of[node] >= 0 ? folding.of[node] : null;
      for (; at !== null; at = boxes[at].parent) around.unshift(at);
      assert.deepEqual(path, around);
      assert.ok(path.every((one) => open.has(one)));
    }
  }
});

test("with all boxes open the graph is the original one", () => {
  for (const seed of SEEDS) {
    const document = randomDocument(40, seeded(seed));
    const folding = foldingOf(document, "random");
    const { items, edges } = visibleGraph(document, folding, opened(folding, "all"));
    assert.deepEqual(items.map(({ node }) => node), document.nodes.map((_, node) => node));
    assert.deepEqual(edges.map(({ start, end }) => [start, end]), document.edges.map(([start, end]) => [start, end]));
    const plain = visibleGraph(document, foldingOf(document, null), new Set());
    assert.deepEqual(plain.edges, edges);
  }
});

test("sizes of boxes count the nodes of the boxes within", () => {
  const document = randomDocument(50, seeded(4));
  const { boxes, sizes, of } = foldingOf(document, "random");
  boxes.forEach((_, box) => {
    const inside = of.filter((home) => {
      for (let at = home; at >= 0 && at !== null; at = boxes[at].parent ?? -1) if (at === box) return true;
      return false;
    });
    assert.equal(sizes[box], inside.length);
  });
});

test("what is reached is what a transitive closure says, copies being one", () => {
  for (const seed of SEEDS) {
    const random = seeded(seed);
    const document = randomDocument(30, random);
    document.nodes[10].copy_of = 0;
    document.edges = document.edges.filter(([, end]) => end !== 0 && end !== 10);
    const matrix = document.nodes.map((_, i) => document.nodes.map((_, j) => i === j));
    for (const [start, end] of document.edges) matrix[start][end] = true;
    for (let k = 0; k < 30; k++) {
      for (let i = 0; i < 30; i++) for (let j = 0; j < 30; j++) matrix[i][j] ||= matrix[i][k] && matrix[k][j];
    }
    const links = linksOf(document);
    for (const node of [0, 7, 15, 22]) {
      const begin = node === 0 ? [0, 10] : [node];
      for (const upward of [true, false]) {
        const hit = (other) => begin.some((one) => (upward ? matrix[other][one] : matrix[one][other]));
        const expected = document.nodes.map((_, id) => id).filter((id) => !begin.includes(id) && hit(id));
        assert.deepEqual([...reached(document, links, [node], upward)].sort((a, b) => a - b), expected);
      }
    }
  }
});

test("search finds names, ops, types and lines; those so named come first", () => {
  const node = (more) => ({ kind: "op", label: "add", type: "float32 (3,)", ...more });
  const document = {
    edges: [],
    nodes: [
      node({ line: "loss = x + y", where: "model.py:3" }),
      node({ label: "sum", name: "loss_of_batch" }),
      node({ label: "mean", name: "loss" }),
      node({ label: "tanh", type: "float64 (2,)" }),
    ],
  };
  assert.deepEqual(searchNodes(document, "LOSS"), [2, 1, 0]);
  assert.deepEqual(searchNodes(document, "float64"), [3]);
  assert.deepEqual(searchNodes(document, "tanh"), [3]);
  assert.deepEqual(searchNodes(document, "model.py:3"), [0]);
  assert.deepEqual(searchNodes(document, "loss mean"), [2]);
  assert.deepEqual(searchNodes(document, "  "), []);
  assert.deepEqual(searchNodes(document, "nowhere"), []);
});

test("a large graph starts folded, a small one open, and a document may say otherwise", () => {
  const large = randomDocument(400, seeded(1));
  assert.equal(startOf(large, 300).folding.name, "random");
  assert.equal(startOf(large, 300).open.size, 0);
  assert.equal(startOf(randomDocument(40, seeded(1)), 300).folding.name, null);
  const told = { ...large, start: { grouping: "random", open: [1, 2], heat: "time", focus: 7 } };
  const start = startOf(told, 300);
  assert.deepEqual([[...start.open], start.heat, start.focus], [[1, 2], "time", 7]);
  assert.equal(startOf({ ...large, start: { grouping: null } }, 300).folding.name, null);
  assert.equal(startOf({ ...large, start: { grouping: "random", open: "all" } }, 300).open.size, 6);
});
