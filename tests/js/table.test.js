import assert from "node:assert/strict";
import { test } from "node:test";

import { compareCells, sortedPlaces } from "../../viz/static/table.js";

test("numbers go by value, before words, empty cells last", () => {
  const texts = ["10", "", "9", "abc", "-1e3", "2.5 ms"];
  assert.deepEqual(sortedPlaces(texts, false).map((n) => texts[n]), ["-1e3", "2.5 ms", "9", "10", "abc", ""]);
});

test("bytes go by what they are in all", () => {
  const texts = ["1.5 MiB", "20 bytes", "3 GiB", "5.39 KiB", "900 KiB"];
  assert.deepEqual(sortedPlaces(texts, false).map((n) => texts[n]), ["20 bytes", "5.39 KiB", "900 KiB", "1.5 MiB", "3 GiB"]);
});

test("the other way round empty cells stay last", () => {
  const texts = ["", "1", "3", "2"];
  assert.deepEqual(sortedPlaces(texts, true).map((n) => texts[n]), ["3", "2", "1", ""]);
});

test("equal cells keep their places", () => {
  assert.deepEqual(sortedPlaces(["b", "a", "b", "a"], false), [1, 3, 0, 2]);
  assert.deepEqual(sortedPlaces(["b", "a", "b", "a"], true), [0, 2, 1, 3]);
});

test("comparing is antisymmetric", () => {
  const texts = ["", "1", "x", "-3", "1e9", "y", "10%"];
  for (const a of texts) for (const b of texts) assert.equal(Math.sign(compareCells(a, b)) + Math.sign(compareCells(b, a)), 0);
});
