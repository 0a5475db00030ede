// The page of a profile without a page; oracles: sums and shapes by hand.

import assert from "node:assert/strict";
import test from "node:test";

import {
  PROFILE_COLUMNS, aliveAt, branchesTo, bytesText, icicleBoxes, layerPath, memoryLayers, nanosText, percentText,
  profileCell, sortedRows, threeDigits,
} from "../../viz/static/profile_parts.js";

const COLUMN = Object.fromEntries(PROFILE_COLUMNS.map((column) => [column.key, column]));

test("numbers have three digits", () => {
  assert.deepEqual([0, 12, 1234, 1.5e6, 2.345e9].map(nanosText), ["0 ns", "12 ns", "1.23 us", "1.5 ms", "2.35 s"]);
  assert.deepEqual([999, 1024, 1.5 * 2 ** 20].map(bytesText), ["999 bytes", "1 KiB", "1.5 MiB"]);
  assert.deepEqual([0, 0.00031, 0.0123, 0.5, 1].map(percentText), ["0 %", "0.03 %", "1.2 %", "50 %", "100 %"]);
  assert.equal(threeDigits(123456), "123456");
});

test("cells of a row by hand", () => {
  const row = { kind: "kernel", name: "k", ns: 2000, calls: 4, bytes: 8000, operations: 1000, peak: 0.25, bound: "memory" };
  const text = (key) => profileCell(COLUMN[key], row, 10000);
  assert.deepEqual(["share", "time", "calls", "each", "gbs", "gflops", "peak", "bytes", "where"].map(text), [
    "20 %", "2 us", "4", "500 ns", "4", "0.5", "25 % memory", "7.81 KiB", "",
  ]);
});

test("rows are sorted, those without a value and the rest last", () => {
  const rows = [
    { kind: "rest", name: "3 more", ns: 50 },
    { kind: "Python", name: "P", ns: 5 },
    { kind: "op", name: "b", ns: 1, calls: 9 },
    { kind: "op", name: "a", ns: 3, calls: 2 },
  ];
  const names = (key, descending) => sortedRows(rows, key, descending).map((row) => row.name);
  assert.deepEqual(names("time", true), ["P", "a", "b", "3 more"]);
  assert.deepEqual(names("time", false), ["b", "a", "P", "3 more"]);
  assert.deepEqual(names("calls", true), ["b", "a", "P", "3 more"]);
  assert.deepEqual(names("name", false), ["a", "b", "P", "3 more"]);
});

const TREE = {
  kind: "block", name: "block", ns: 100,
  children: [
    { kind: "function", name: "f", ns: 60, children: [{ kind: "line", name: "l", ns: 45 }, { kind: "overhead", name: "o", ns: 15 }] },
    { kind: "Python", name: "P", ns: 40 },
  ],
};

test("boxes of an icicle are as wide as their time and lie within their parents", () => {
  const boxes = icicleBoxes(TREE);
  assert.deepEqual(boxes.map(({ branch, depth }) => [branch.name, depth]), [["block", 0], ["f", 1], ["l", 2], ["o", 2], ["P", 1]]);
  const near = (a, b) => assert.ok(Math.abs(a - b) < 1e-9, `${a} is not ${b}`);
  for (const { branch, start, end } of boxes) near(end - start, branch.ns / 100);
  near(boxes[2].start, boxes[1].start);
  near(boxes[3].end, boxes[1].end);
  assert.deepEqual(boxes[3].path, [0, 1]);
  assert.equal(icicleBoxes(TREE, 0.2).length, 4);
});

test("children that sum up to more than their parent stay within it", () => {
  const boxes = icicleBoxes({ name: "a", ns: 10, children: [{ name: "b", ns: 8 }, { name: "c", ns: 8 }] });
  assert.deepEqual(boxes.map(({ start, end }) => [start, end]), [[0, 1], [0, 0.5], [0.5, 1]]);
});

test("a path leads to a branch", () => {
  assert.deepEqual(branchesTo(TREE, [0, 1]).map((branch) => branch.name), ["block", "f", "o"]);
});

const PLAN = {
  steps: ["one", "two", "three"], peak: 160, more: [0, 5, 0],
  holdings: [
    ["x", "input", 10, 0, 2, "float32 (?)", ""],
    ["a", "intermediate", 100, 0, 1, "", ""],
    ["workspace, not in use", "intermediate", 7, 2, 2, "", ""],
    ["b", "output", 50, 1, 2, "", "here"],
  ],
};

test("layers of memory stack up to what is alive", () => {
  const layers = memoryLayers(PLAN);
  assert.deepEqual(layers, [
    { name: "input", sizes: [10, 10, 10] },
    { name: "output", sizes: [0, 50, 50] },
    { name: "intermediate", sizes: [100, 105, 0] },
    { name: "not in use", sizes: [0, 0, 7] },
  ]);
  assert.deepEqual(aliveAt(PLAN, 1).map(({ name, bytes }) => [name, bytes]), [["a", 100], ["b", 50], ["x", 10]]);
});

test("the outline of a layer is level along each step", () => {
  assert.equal(layerPath([0, 10], [5, 0], 10, 100, 50), "M0.0 50.0L0.0 25.0L50.0 25.0L50.0 0.0L100.0 0.0L100.0 0.0L50.0 0.0L50.0 50.0L0.0 50.0z");
});
