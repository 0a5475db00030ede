/** Scenes: nested boxes hold what is theirs, edges join their ends, colours follow what is asked. */

import assert from "node:assert/strict";
import test from "node:test";

import { foldingOf, linksOf, reached, visibleGraph } from "../../viz/static/fold.js";
import { PALETTES } from "../../viz/static/glyphs.js";
import { heatOfItems, paintScene } from "../../viz/static/paint.js";
import { buildScene, headerAt, itemAt, neighbourOf, nodeText, nodesOf } from "../../viz/static/scene.js";
import { escapeText, svgDocument } from "../../viz/static/svg.js";
import { randomDocument, randomSet, seeded } from "./graphs.js";

function sceneOf(document, name, open) {
  const folding = foldingOf(document, name);
  return { folding, scene: buildScene(document, folding, visibleGraph(document, folding, open)) };
}

const CASES = Array.from({ length: 24 }, (_, seed) => [seed + 1, seed % 3 ? 50 : 400]);

function within(inner, outer, margin = 1e-6) {
  return (
    inner.x - inner.width / 2 >= outer.x - margin &&
    inner.x + inner.width / 2 <= outer.x + outer.width + margin &&
    inner.y - inner.height / 2 >= outer.y + outer.header - margin &&
    inner.y + inner.height / 2 <= outer.y + outer.height + margin
  );
}

test("items lie in the frames of their boxes and in no other, and do not overlap", () => {
  for (const [seed, count] of CASES) {
    const random = seeded(seed);
    const document = randomDocument(count, random);
    const { scene } = sceneOf(document, "random", randomSet(6, random));
    for (const item of scene.items) {
      for (const frame of scene.frames) {
        assert.equal(within(item, frame), item.path.includes(frame.box), `${seed} ${item.key}`);
      }
    }
    scene.items.forEach((a, i) => {
      scene.items.slice(0, i).forEach((b) => {
        const apart = Math.abs(a.x - b.x) >= (a.width + b.width) / 2 || Math.abs(a.y - b.y) >= (a.height + b.height) / 2;
        assert.ok(apart, `${seed} ${a.key} ${b.key}`);
      });
    });
  }
});

test("every edge runs from the border of its start to that of its end", () => {
  for (const [seed, count] of CASES) {
    const random = seeded(seed);
    const document = randomDocument(count, random);
    const { scene } = sceneOf(document, "random", randomSet(6, random));
    const total = scene.edges.reduce((sum, { numbers }) => sum + numbers.length, 0);
    const visible = document.edges.filter(([start, end]) => scene.itemOf[start] !== scene.itemOf[end]);
    assert.equal(total, visible.length);
    for (const { start, end, points } of scene.edges) {
      for (const [item, [x, y]] of [[scene.items[start], points[0]], [scene.items[end], points.at(-1)]]) {
        assert.ok(Math.abs(Math.abs(y - item.y) - item.height / 2) < 1e-6);
        assert.ok(Math.abs(x - item.x) <= item.width / 2 + 1e-6);
      }
    }
  }
});

test("edges cross the borders of boxes in straight lines", () => {
  let crossings = 0;
  for (const [seed, count] of CASES.filter(([, nodes]) => nodes < 300)) {
    const random = seeded(seed);
    const document = randomDocument(count, random);
    const { scene } = sceneOf(document, "random", randomSet(6, random));
    for (const { start, end, points, back } of scene.edges) {
      for (const [inner, outer, low] of [[start, end, !back], [end, start, back]]) {
        for (const frame of scene.frames) {
          const leaves = scene.items[inner].path.includes(frame.box) && !scene.items[outer].path.includes(frame.box);
          if (!leaves) continue;
          const border = low ? frame.y + frame.height : frame.y;
          const at = points.findIndex(([, y]) => Math.abs(y - border) < 1e-6);
          const beside = points[(inner === start) ? at - 1 : at + 1];
          assert.ok(at >= 0 && Math.abs(beside[0] - points[at][0]) < 1e-6);
          assert.ok(points[at][0] >= frame.x && points[at][0] <= frame.x + frame.width);
          crossings += 1;
        }
      }
    }
  }
  assert.ok(crossings > 200);
});

test("edges go down unless their boxes close a cycle", () => {
  for (const [seed, count] of CASES) {
    const random = seeded(seed);
    const document = randomDocument(count, random);
    const { scene } = sceneOf(document, "random", randomSet(6, random));
    for (const { start, end, back } of scene.edges) {
      const down = scene.items[start].y < scene.items[end].y;
      assert.equal(down, !back);
    }
    const { scene: plain } = sceneOf(document, null, new Set());
    assert.ok(plain.edges.every((edge) => !edge.back));
  }
});

test("known places are kept while there are no boxes", () => {
  const document = randomDocument(30, seeded(3));
  const { scene } = sceneOf(document, null, new Set());
  const moved = ([x, y]) => [x + 7, y + 9];
  document.places = {
    size: [900, 700],
    nodes: scene.items.map(({ x, y }) => moved([x, y])),
    edges: document.edges.map((_, number) => scene.edges.find(({ numbers }) => numbers[0] === number).points.map(moved)),
  };
  const { scene: placed } = sceneOf(document, null, new Set());
  assert.deepEqual([placed.width, placed.height], [900, 700]);
  assert.deepEqual(placed.items.map(({ x, y }) => [x, y]), document.places.nodes);
  for (const { numbers, points } of placed.edges) assert.deepEqual(points, document.places.edges[numbers[0]]);
  const boxed = sceneOf(document, "random", randomSet(6, seeded(4))).scene;
  delete document.places;
  assert.deepEqual(sceneOf(document, "random", randomSet(6, seeded(4))).scene, boxed);
});

test("equal documents give equal pictures", () => {
  const draw = () => {
    const document = randomDocument(80, seeded(5));
    const { scene } = sceneOf(document, "random", new Set([0, 1, 2]));
    return svgDocument(scene, paintScene(document, scene, PALETTES.light, { chosen: -1 }), PALETTES.light);
  };
  assert.equal(draw(), draw());
});

test("the item and the box at a point", () => {
  const random = seeded(2);
  const document = randomDocument(60, random);
  const { scene } = sceneOf(document, "random", new Set([0, 1, 2, 3, 4, 5]));
  scene.items.forEach((item, number) => assert.equal(itemAt(scene, item.x, item.y), number));
  assert.equal(itemAt(scene, -50, -50), -1);
  for (const frame of scene.frames) assert.equal(headerAt(scene, frame.x + 10, frame.y + 8), frame.box);
  assert.equal(headerAt(scene, -50, -50), -1);
});

test("neighbours: inputs above, users below, others of the row beside", () => {
  const node = (label) => ({ kind: "op", label });
  const document = { nodes: ["a", "b", "c", "d"].map(node), edges: [[0, 2], [1, 2], [2, 3]] };
  const { scene } = sceneOf(document, null, new Set());
  const [left, right] = scene.items[0].x < scene.items[1].x ? [0, 1] : [1, 0];
  assert.ok([0, 1].includes(neighbourOf(scene, 2, "up")));
  assert.equal(neighbourOf(scene, 2, "down"), 3);
  assert.equal(neighbourOf(scene, left, "right"), right);
  assert.equal(neighbourOf(scene, right, "left"), left);
  assert.equal(neighbourOf(scene, right, "right"), -1);
  assert.equal(neighbourOf(scene, 3, "down"), -1);
});

test("the heat of a box is the sum over its nodes", () => {
  const random = seeded(8);
  const document = randomDocument(60, random);
  const heat = { name: "time", of: document.nodes.map(() => (random() < 0.3 ? null : random() * 10)) };
  const { folding, scene } = sceneOf(document, "random", new Set([1]));
  const { values, high, total } = heatOfItems(scene, heat);
  scene.items.forEach((item, number) => {
    const known = nodesOf(folding, item).map((id) => heat.of[id]).filter((value) => value !== null);
    if (!known.length) assert.equal(values[number], null);
    else assert.ok(Math.abs(values[number] - known.reduce((a, b) => a + b, 0)) < 1e-9);
  });
  assert.equal(high, Math.max(...values.filter((value) => value !== null)));
  assert.ok(Math.abs(total - heat.of.reduce((a, b) => a + (b ?? 0), 0)) < 1e-9);
});

test("a choice lights what leads to it and what follows, and pales the rest", () => {
  const document = randomDocument(40, seeded(6));
  const { scene } = sceneOf(document, null, new Set());
  const links = linksOf(document);
  const [up, down] = [true, false].map((upward) => reached(document, links, [20], upward));
  const palette = PALETTES.light;
  const { items, edges } = paintScene(document, scene, palette, { chosen: 20, here: new Set([20]), up, down });
  items.forEach((style, id) => {
    const wanted = up.has(id) ? palette.up : down.has(id) ? palette.down : null;
    if (wanted) assert.equal(style.stroke, wanted);
    assert.equal(style.opacity < 1, !wanted && id !== 20);
  });
  edges.forEach((style, number) => {
    const [start, end] = document.edges[scene.edges[number].numbers[0]];
    const lit = [up, down].some((set) => [start, end].every((id) => id === 20 || set.has(id)));
    assert.equal(style.opacity === 1, lit);
  });
});

test("nodes that came, went and raised an alarm stand out", () => {
  const node = (more) => ({ kind: "op", label: "add", ...more });
  const document = { nodes: [node(), node(), node({ alarm: "NaN" }), node()], edges: [] };
  const { scene } = sceneOf(document, null, new Set());
  const state = { chosen: -1, came: new Set([0]), went: new Set([1]), origin: 3 };
  for (const palette of Object.values(PALETTES)) {
    const { items } = paintScene(document, scene, palette, state);
    assert.equal(items[0].fill, palette.came[0]);
    assert.equal(items[1].fill, palette.went[0]);
    assert.deepEqual(items.map((style) => Boolean(style.struck)), [false, true, false, false]);
    assert.deepEqual(items.map((style) => Boolean(style.badge)), [false, false, true, false]);
    assert.ok(items[3].ring);
  }
});

test("labels of nodes are those of the Python picture", () => {
  const text = (node) => nodeText({ kind: "op", ...node });
  assert.deepEqual(text({ label: "tanh", name: "h", type: "float32" }), { name: "h", label: " = tanh", small: "float32" });
  assert.deepEqual(text({ label: "tanh" }), { name: "", label: "tanh", small: "" });
  assert.deepEqual(text({ kind: "input", label: "x", name: "x" }), { name: "x", label: "", small: "" });
  assert.deepEqual(text({ kind: "constant", label: "2.0", type: "float32" }), { name: "", label: "2.0", small: "" });
  assert.deepEqual(text({ kind: "variable", label: "", type: "float32" }), { name: "", label: "float32", small: "" });
});

test("a picture is well-formed whatever the labels hold, and asks for nothing outside", () => {
  const label = `<&>"'\u0001 end`;
  const document = { title: label, nodes: [{ kind: "op", label, name: label }], edges: [] };
  const { scene } = sceneOf(document, null, new Set());
  const svg = svgDocument(scene, paintScene(document, scene, PALETTES.dark, { chosen: -1 }), PALETTES.dark, { title: label });
  assert.ok(!svg.includes("\u0001"));
  assert.ok(!/<(?!\/?(svg|g|rect|path|text|tspan|circle)\b)/.test(svg));
  assert.ok(!svg.replace('xmlns="http://www.w3.org/2000/svg"', "").includes("http"));
  assert.equal(escapeText(`a<b>&"c"'`), "a&lt;b&gt;&amp;&quot;c&quot;&#39;");
});
