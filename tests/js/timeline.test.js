// The steps of a timeline: states, documents, neighbourhoods. Oracle: graphs written out by hand.

import assert from "node:assert/strict";
import test from "node:test";

import {
  countedRules, documentOfGraph, graphAfter, keysInOrder, matchingNodes, nextOfRule, nodesAround, partOf, runsOfStages,
  sceneOfPlace, timeText, timelineOf,
} from "../../viz/static/steps.js";

const op = (label) => ({ kind: "op", label, type: "float64 (?,)" });

/** exp(log(1 + x)) and a new value of w: log(1 + x) becomes log1p(x), then exp(log1p(x)) is 1 + x. */
function data() {
  return {
    title: "f",
    nodes: [
      null, { kind: "input", label: "x" }, { kind: "constant", label: "1" }, op("add"), op("log"), op("exp"),
      { kind: "shared variable", label: "w" }, { ...op("sub"), ordered: 1 }, op("log1p"), op("add"),
    ],
    start: [[1, []], [2, []], [3, [2, 1]], [4, [3]], [5, [4]], [6, []], [7, [6, 5]], [0, [5, 7]]],
    outputs: 1,
    updates: ["w"],
    rules: [{ name: "log_of_one_plus", tag: "stabilize" }, { name: "other", tag: "useless" }, { name: "merge equal nodes", tag: "merge" }],
    stages: [{ name: "rewrite", ms: 0.5 }, { name: "expand", ms: 20 }],
    steps: [
      { rule: 0, stage: 0, root: 8, before: "log(1 + x)", after: "log1p(x)", changes: [[8, [1]], [5, [8]], [4, null], [3, null], [2, null]] },
      { rule: 1, stage: 0, root: 9, before: "exp(log1p(x))", after: "1 + x", changes: [[2, []], [9, [2, 1]], [0, [9, 7]], [7, [6, 9]], [5, null], [8, null]] },
      { rule: 0, stage: 1, root: 9, count: 3, changes: [[7, [9, 6]]] },
    ],
  };
}

const plain = (graph) => Object.fromEntries([...graph].map(([key, inputs]) => [key, inputs.map(([from]) => from)]));

test("states are reached forward, backward and by jumps", () => {
  const timeline = timelineOf(data());
  const first = { 0: [5, 7], 1: [], 2: [], 3: [2, 1], 4: [3], 5: [4], 6: [], 7: [6, 5] };
  const second = { 0: [5, 7], 1: [], 5: [8], 6: [], 7: [6, 5], 8: [1] };
  const third = { 0: [9, 7], 1: [], 2: [], 6: [], 7: [6, 9], 9: [2, 1] };
  for (const place of [0, 1, 2, 1, 0, 2, 0]) {
    assert.deepEqual(plain(graphAfter(timeline, place)), [first, second, third][place]);
  }
});

test("a step knows what came, went and has other inputs", () => {
  const [one, two] = timelineOf(data()).steps;
  assert.deepEqual([one.came, one.went, one.rewired], [[8], [4, 3, 2], [5]]);
  assert.deepEqual([two.came, two.went, two.rewired], [[2, 9], [5, 8], [0, 7]]);
});

test("keys stand after those of their inputs", () => {
  const graph = graphAfter(timelineOf(data()), 0);
  const place = new Map(keysInOrder(graph).map((key, n) => [key, n]));
  assert.equal(place.size, 7);
  for (const [key, inputs] of graph) {
    if (key) for (const [from] of inputs) assert.ok(place.get(from) < place.get(key));
  }
});

test("deep graphs do not overflow the stack", () => {
  const graph = new Map([[0, [[20000, 0]]], [1, []]]);
  for (let key = 2; key <= 20000; key++) graph.set(key, [[key - 1, 0]]);
  assert.equal(keysInOrder(graph).length, 20000);
});

test("a document has constants for each use, outputs and new values", () => {
  const found = documentOfGraph(data(), graphAfter(timelineOf(data()), 0));
  const names = found.nodes.map((node) => node.label);
  assert.deepEqual([...names].sort(), ["1", "add", "exp", "log", "sub", "w", "w ← new value", "x"]);
  const edges = found.edges.map(([start, end, , port]) => `${names[start]} ${port} ${names[end]}`);
  assert.deepEqual(edges.sort(), [
    "1 0 add", "add 0 log", "exp 1 sub", "log 0 exp", "sub 0 w ← new value", "w 0 sub", "x 1 add",
  ]);
  assert.deepEqual(found.nodes.filter((node) => node.of_output).map((node) => node.label), ["exp"]);
  assert.equal(found.edges.find(([, end]) => names[end] === "sub")[5], 1);
  assert.equal(found.edges[0].length, 6);
});

test("a document of two graphs marks edges that are in one of them only", () => {
  const { both } = sceneOfPlace(timelineOf(data()), 1);
  const names = both.nodes.map((node) => node.label);
  const changed = both.edges.filter((edge) => edge[6]).map(([start, end, , , , , change]) => `${names[start]} ${names[end]} ${change}`);
  assert.deepEqual(changed.sort(), ["1 add -1", "add log -1", "log exp -1", "log1p exp 1", "x add -1", "x log1p 1"]);
  assert.deepEqual(both.came.map((node) => names[node]), ["log1p"]);
  assert.deepEqual(both.went.map((node) => names[node]).sort(), ["1", "add", "log"]);
});

test("before and after stand side by side with matching nodes", () => {
  const { before, after } = sceneOfPlace(timelineOf(data()), 1, { split: true });
  assert.deepEqual(before.went.map((node) => before.nodes[node].label).sort(), ["1", "add", "log"]);
  assert.deepEqual(before.came, []);
  assert.deepEqual(after.came.map((node) => after.nodes[node].label), ["log1p"]);
  const changed = (found) => found.edges.filter((edge) => edge[6]).map(([a, b]) => `${found.nodes[a].label} ${found.nodes[b].label}`).sort();
  assert.deepEqual(changed(before), ["1 add", "add log", "log exp", "x add"]);
  assert.deepEqual(changed(after), ["log1p exp", "x log1p"]);
  const pairs = matchingNodes(before, after).map((other, node) => [before.nodes[node].label, after.nodes[other]?.label]);
  assert.deepEqual(Object.fromEntries(pairs), {
    x: "x", 1: undefined, add: undefined, log: undefined, exp: "exp", w: "w", sub: "sub", "w ← new value": "w ← new value",
  });
});

test("the ends of the timeline are whole graphs without marks", () => {
  const timeline = timelineOf(data());
  for (const [place, count] of [[0, 8], [4, 6]]) {
    const { both, shown, all } = sceneOfPlace(timeline, place, { levels: 1 });
    assert.deepEqual([both.nodes.length, both.came, both.went, shown, all], [count, [], [], count, count]);
  }
});

/** A chain of 100 nodes. */
function chain() {
  const nodes = Array.from({ length: 100 }, (_, n) => ({ kind: "op", label: `n${n}`, key: `${n}` }));
  const keys = nodes.map((node) => node.key);
  const edges = nodes.slice(1).map((_, n) => [n, n + 1, "", 0, 0, 0]);
  return { nodes, edges, keys, number: new Map(keys.map((key, n) => [key, n])) };
}

test("a neighbourhood has the nodes within some levels, and dots where it is cut", () => {
  const kept = nodesAround(chain(), [50, 51], 2);
  assert.deepEqual([...kept].sort((a, b) => a - b), [48, 49, 50, 51, 52, 53]);
  const part = partOf(chain(), kept);
  assert.deepEqual(part.nodes.filter((node) => node.label === "⋯").map((node) => node.text), ["1 input not shown", "1 use not shown"]);
  assert.equal(part.edges.length, 5 + 2);
  for (const [start, end] of part.edges) assert.ok(start < part.nodes.length && end < part.nodes.length);
});

test("a neighbourhood does not go through leaves that all use", () => {
  const found = chain();
  found.nodes[0] = { kind: "input", label: "x", key: "0" };
  for (let n = 2; n < 100; n++) found.edges.push([0, n, "", 1, 0, 0]);
  const kept = nodesAround(found, [50], 2);
  assert.deepEqual([...kept].sort((a, b) => a - b), [0, 48, 49, 50, 51, 52]);
});

test("the part that a step shows holds what changes", () => {
  const { both, shown, all } = sceneOfPlace(timelineOf(data()), 1, { levels: 1 });
  const names = both.nodes.map((node) => node.label);
  for (const name of ["log1p", "log", "add", "1", "x", "exp"]) assert.ok(names.includes(name), name);
  assert.ok(!names.includes("w"));
  assert.deepEqual([shown, all], [6, 9]);
  assert.deepEqual(both.came.map((node) => names[node]), ["log1p"]);
});

test("the part that a merge shows holds what stays in place of what went", () => {
  const nodes = [null, { kind: "input", label: "x" }, op("one"), op("two"), op("a"), op("b")];
  const start = [[1, []], [2, [1]], [3, [1]], [4, [2]], [5, [3]], [0, [4, 5]]];
  const steps = [{ rule: 0, stage: 0, count: 1, changes: [[5, [2]], [3, null]] }];
  const merge = { title: "", nodes, start, outputs: 2, updates: [], rules: [{ name: "merge", tag: "merge" }], stages: [{ name: "rewrite", ms: 1 }], steps };
  const { both } = sceneOfPlace(timelineOf(merge), 1, { levels: 1 });
  const labels = both.nodes.map((node) => node.label);
  for (const label of ["one", "two", "b"]) assert.ok(labels.includes(label), label);
  assert.deepEqual(both.edges.filter((edge) => edge[6] === 1).map(([a, b]) => `${labels[a]} ${labels[b]}`), ["one b"]);
});

test("rules are counted and found in turn", () => {
  assert.deepEqual(countedRules(data()).map(({ number, count }) => [number, count]), [[0, 4], [1, 1], [2, 0]]);
  assert.deepEqual([0, 1, 2, 3].map((place) => nextOfRule(data(), 0, place)), [1, 3, 3, 1]);
  assert.deepEqual([1, 3].map((place) => nextOfRule(data(), 0, place, true)), [3, 1]);
  assert.equal(nextOfRule(data(), 2, 1), -1);
  assert.deepEqual(runsOfStages(data()), [{ stage: 0, from: 1, to: 2 }, { stage: 1, from: 3, to: 3 }]);
});

test("times are short", () => {
  assert.deepEqual([0.0123, 0.5, 3.456, 23.4, 2345].map(timeText), ["12 µs", "500 µs", "3.5 ms", "23 ms", "2.3 s"]);
});
