/** The layout against what can be seen of a drawing: rows, gaps, directions, crossings. */

import assert from "node:assert/strict";
import test from "node:test";

import { layoutGraph } from "../../viz/static/layout.js";
import { countCrossings, orderRows } from "../../viz/static/ordering.js";
import { nearestRising } from "../../viz/static/placement.js";
import { makeLayered, orderAndBackEdges } from "../../viz/static/rows.js";
import { Lengths, shortenLengths } from "../../viz/static/simplex.js";
import { randomEdges, seeded } from "./graphs.js";

const CASES = [1, 2, 3, 4, 5, 6, 7, 8].flatMap((seed) => [10, 60, 200, 420].map((count) => [seed, count]));

function sizesOf(count, random) {
  return Array.from({ length: count }, () => [30 + Math.floor(random() * 120), random() < 0.3 ? 42 : 24]);
}

function overlaps(boxes) {
  const found = [];
  boxes.forEach((a, i) => {
    boxes.slice(0, i).forEach((b, j) => {
      const x = Math.abs(a.x - b.x) < (a.width + b.width) / 2 - 1e-6;
      const y = Math.abs(a.y - b.y) < (a.height + b.height) / 2 - 1e-6;
      if (x && y) found.push([j, i]);
    });
  });
  return found;
}

test("boxes do not overlap, edges go down, all is within the drawing", () => {
  for (const [seed, count] of CASES) {
    const random = seeded(seed);
    const sizes = sizesOf(count, random);
    const edges = randomEdges(count, random);
    const { boxes, paths, width, height } = layoutGraph(sizes, edges);
    assert.deepEqual(overlaps(boxes), []);
    edges.forEach(([start, end], number) => {
      assert.ok(boxes[start].y + boxes[start].height / 2 < boxes[end].y - boxes[end].height / 2);
      const points = paths[number];
      assert.equal(points[0][1], boxes[start].y + boxes[start].height / 2);
      assert.equal(points.at(-1)[1], boxes[end].y - boxes[end].height / 2);
      assert.ok(Math.abs(points.at(-1)[0] - boxes[end].x) <= boxes[end].width / 2);
      points.slice(1).forEach(([, y], k) => assert.ok(y >= points[k][1] - 1e-9));
    });
    for (const box of boxes) {
      assert.ok(box.x - box.width / 2 >= -1e-6 && box.x + box.width / 2 <= width + 1e-6);
      assert.ok(box.y - box.height / 2 >= -1e-6 && box.y + box.height / 2 <= height + 1e-6);
    }
  }
});

test("long edges of small graphs run around boxes", () => {
  for (const seed of [1, 2, 3, 4]) {
    const random = seeded(seed);
    const sizes = sizesOf(80, random);
    const { boxes, paths } = layoutGraph(sizes, randomEdges(80, random));
    for (const path of paths) {
      // A vertical part within a row must miss every box.
      path.slice(1).forEach(([x, y], k) => {
        const [left, above] = path[k];
        if (x !== left) return;
        const middle = (y + above) / 2;
        const hit = boxes.find(
          (box) => Math.abs(box.x - x) < box.width / 2 - 1e-6 && Math.abs(box.y - middle) < box.height / 2 - 1e-6,
        );
        assert.equal(hit, undefined);
      });
    }
  }
});

test("equal graphs give equal drawings", () => {
  for (const count of [60, 500]) {
    const draw = () => {
      const random = seeded(7);
      return JSON.stringify(layoutGraph(sizesOf(count, random), randomEdges(count, random)));
    };
    assert.equal(draw(), draw());
  }
});

test("cycles and loops are tolerated: what is left without the back edges has an order", () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const random = seeded(seed);
    const edges = Array.from({ length: 120 }, () => [Math.floor(random() * 50), Math.floor(random() * 50)]);
    const { order, back } = orderAndBackEdges(50, edges);
    const place = new Map(order.map((node, k) => [node, k]));
    assert.equal(place.size, 50);
    edges.forEach(([start, end], number) => {
      if (!back.has(number)) assert.ok(place.get(start) < place.get(end));
    });
    const { boxes, paths } = layoutGraph(Array(50).fill([40, 24]), edges);
    assert.deepEqual(overlaps(boxes), []);
    edges.forEach(([start, end], number) => {
      if (start === end) assert.deepEqual(paths[number], []);
      else if (!back.has(number)) assert.ok(boxes[start].y < boxes[end].y);
      else assert.ok(boxes[start].y > boxes[end].y);
    });
  }
});

test("an acyclic graph has no back edges", () => {
  for (const [seed, count] of CASES) {
    assert.equal(orderAndBackEdges(count, randomEdges(count, seeded(seed))).back.size, 0);
  }
});

test("counted crossings are those that comparing all pairs of edges finds", () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const graph = makeLayered(40, randomEdges(40, seeded(seed), 0.3), true);
    orderRows(graph, true);
    const place = new Map(graph.rows.flatMap((row) => row.map((vertex, k) => [vertex, k])));
    let crossings = 0;
    for (const row of graph.rows) {
      const parts = row.flatMap((vertex) => [...graph.down.of(vertex)].map((end) => [place.get(vertex), place.get(end)]));
      parts.forEach(([a, b], i) => parts.slice(0, i).forEach(([c, d]) => (crossings += (a - c) * (b - d) < 0 ? 1 : 0)));
    }
    assert.equal(countCrossings(graph), crossings);
  }
});

test("the order in rows takes away crossings that can be taken away", () => {
  // Two pairs that hang together crosswise: drawn without a crossing they just change places.
  const { boxes } = layoutGraph(Array(6).fill([40, 24]), [[0, 4], [1, 3], [2, 5], [0, 5]]);
  assert.ok((boxes[0].x - boxes[1].x) * (boxes[4].x - boxes[3].x) > 0);
});

test("a chain is one straight line", () => {
  const { boxes, paths } = layoutGraph(Array(20).fill([60, 24]), Array.from({ length: 19 }, (_, k) => [k, k + 1]));
  assert.equal(new Set(boxes.map((box) => box.x)).size, 1);
  for (const path of paths) assert.equal(new Set(path.map(([x]) => x)).size, 1);
});

test("shortened lengths are the least that trying all places finds", () => {
  const random = seeded(9);
  for (let trial = 0; trial < 40; trial++) {
    const constraints = [[0, 4, 0, 1]];
    for (let right = 1; right < 5; right++) {
      for (let left = 0; left < right; left++) {
        const first = left === right - 1;
        if (first || random() < 0.5) constraints.push([left, right, random() < 0.7 ? 1 : 0, Math.floor(random() * 4)]);
      }
    }
    // Some lengths count backwards: then it pays to stretch the others.
    constraints.push([1, 3, 0, 1], [5, 3, 0, 2], [5, 4, 0, 2], [0, 5, -6, 0], [5, 2, -1, 3]);
    const cost = (x) => constraints.reduce((sum, [a, b, , weight]) => sum + weight * (x[b] - x[a]), 0);
    const kept = (x) => constraints.every(([a, b, gap]) => x[b] - x[a] >= gap);
    let least = Infinity;
    for (let code = 0; code < 9 ** 5; code++) {
      const x = [0, ...[0, 1, 2, 3, 4].map((k) => (Math.floor(code / 9 ** k) % 9) - 2)];
      if (kept(x)) least = Math.min(least, cost(x));
    }
    const lengths = new Lengths(constraints.length);
    for (const constraint of constraints) lengths.add(...constraint);
    const found = shortenLengths([0, 3, 6, 9, 12, -5], lengths, 100);
    assert.ok(kept(found));
    assert.ok(Math.abs(cost(found) - least) < 1e-9, `${cost(found)} ${least}`);
  }
});

test("the nearest rising sequence is no further than any on a grid", () => {
  const random = seeded(3);
  for (let trial = 0; trial < 20; trial++) {
    const wanted = Array.from({ length: 4 }, () => Math.floor(random() * 5));
    const far = (x) => x.reduce((sum, value, k) => sum + (value - wanted[k]) ** 2, 0);
    const found = nearestRising(wanted);
    found.slice(1).forEach((value, k) => assert.ok(value >= found[k] - 1e-12));
    for (let code = 0; code < 9 ** 4; code++) {
      const x = [0, 1, 2, 3].map((k) => (Math.floor(code / 9 ** k) % 9) / 2);
      if (x.slice(1).every((value, k) => value >= x[k])) assert.ok(far(found) <= far(x) + 1e-9);
    }
  }
});

test("ports: entries come first, exits last, and edges meet the given places of boxes", () => {
  // Node 0 leads to node 1; node 2 is an entry into 1, node 3 an exit from 0.
  const sizes = [[50, 24], [90, 24], [0, 0], [0, 0]];
  const edges = [[0, 1], [2, 1], [0, 3]];
  const ends = [[0.25, -0.5], [0, 0.25], [0, undefined]];
  const { boxes, paths } = layoutGraph(sizes, edges, { ends, entries: 1, exits: 1 });
  assert.ok(boxes[2].y < Math.min(boxes[0].y, boxes[1].y));
  assert.ok(boxes[3].y > Math.max(boxes[0].y, boxes[1].y));
  assert.equal(paths[0][0][0], boxes[0].x + 0.25 * 50);
  assert.equal(paths[0].at(-1)[0], boxes[1].x - 0.5 * 90);
  assert.equal(paths[1].at(-1)[0], boxes[1].x + 0.25 * 90);
});

/** A chain of nodes, each of which also leads to one last node. */
function combOf(count) {
  const edges = Array.from({ length: count }, (_, k) => [k, k + 1]);
  return edges.concat(Array.from({ length: count - 1 }, (_, k) => [k, count + 1]), [[count, count + 1]]);
}

test("edges into a node that gathers them come together, one line in every row", () => {
  const count = 40;
  const edges = combOf(count);
  const sizes = Array(count + 2).fill([60, 24]);
  const gathers = sizes.map((_, node) => node === count + 1);
  const { rowOf } = makeLayered(count + 2, edges, true, { gathers });
  assert.equal(rowOf.length, count + 2 + count);
  const { boxes, paths, width } = layoutGraph(sizes, edges, { gathers });
  assert.deepEqual(overlaps(boxes), []);
  const long = paths.slice(count, -1);
  assert.equal(new Set(long.map((path) => path.at(-1)[0])).size, 1);
  long.forEach((path, k) => {
    const box = boxes[k];
    assert.deepEqual(path[0], [box.x, box.y + box.height / 2]);
    assert.equal(path.at(-1)[1], boxes[count + 1].y - 12);
  });
  assert.ok(width < 200 && layoutGraph(sizes, edges).width > 500);
});

test("edges against the stream are not gathered", () => {
  const edges = [[0, 1], [1, 2], [2, 3], [3, 0], [0, 3], [1, 3]];
  const gathers = [true, false, false, true];
  const { boxes, paths } = layoutGraph(Array(4).fill([60, 24]), edges, { gathers });
  assert.deepEqual(paths[3].at(-1).slice(1), [boxes[0].y - 12]);
  assert.deepEqual(paths[3][0].slice(1), [boxes[3].y + 12]);
});

test("straight parts of paths have no points between their ends", () => {
  for (const [seed, count] of CASES) {
    const random = seeded(seed);
    const { paths } = layoutGraph(sizesOf(count, random), randomEdges(count, random));
    for (const path of paths) {
      path.slice(2).forEach(([x], k) => assert.ok(x !== path[k][0] || x !== path[k + 1][0]));
    }
  }
});

test("10,000 nodes need no more vertices than nodes and no more points than edges have", () => {
  const edges = randomEdges(10_000, seeded(11));
  const { boxes, paths, rowOf } = layoutGraph(Array(10_000).fill([80, 34]), edges);
  assert.equal(boxes.length, 10_000);
  assert.equal(rowOf.length, 10_000);
  assert.ok(paths.every((path) => path.length <= 4));
});

test("many edges on few nodes fall back to the quick way", () => {
  const edges = [];
  for (let k = 0; k < 199; k++) edges.push([k, k + 1]);
  for (let k = 0; k < 190; k++) edges.push([k % 5, 199 - (k % 7)]);
  const { rowOf } = layoutGraph(Array(200).fill([40, 24]), edges);
  assert.equal(rowOf.length, 200);
});

test("nothing is a drawing of size nothing", () => {
  const drawn = layoutGraph([], []);
  assert.deepEqual([drawn.boxes, drawn.paths, drawn.width, drawn.height], [[], [], 0, 0]);
});
