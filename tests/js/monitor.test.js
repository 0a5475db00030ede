// The panel of a watch, apart from drawing. Oracle: messages made by hand, known sequences.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MONITOR_POINTS, addPoint, decodeSamples, emptySeries, histogramTitle, lineRuns, monitorDuration, monitorNumber, monitorRange, monitorTicks, newestOfValues, newestValue, suitsLogScale, takeHistograms, takeSamples } from "../../viz/static/monitor_model.js";

const CHANNELS = ["mean", "nan"];

/** A message's buffer as a kernel sends it: a DataView somewhere in a larger buffer. */
function viewOf(numbers) {
  const floats = new Float32Array([99, ...numbers]);
  return new DataView(floats.buffer, 4);
}

test("a message is read, wherever its buffer lies", () => {
  const content = { names: ["loss", "w"], count: 2 };
  const numbers = [3, 0.5, 0, NaN, 1, 7, 0.25, 0, 2, NaN];
  const expected = [
    { step: 3, rows: [[0.5, 0], [NaN, 1]] },
    { step: 7, rows: [[0.25, 0], [2, NaN]] },
  ];
  assert.deepEqual(decodeSamples(content, viewOf(numbers), CHANNELS), expected);
  assert.deepEqual(decodeSamples(content, new Float32Array(numbers).buffer, CHANNELS), expected);
});

test("rows that were not measured add no point", () => {
  const table = new Map();
  const numbers = [3, 0.5, 0, NaN, NaN];
  takeSamples(table, { names: ["loss", "w"], count: 1 }, viewOf(numbers), CHANNELS);
  assert.deepEqual(table.get("loss").steps, [3]);
  assert.deepEqual(table.get("w").steps, []);
});

test("histograms are read and said in words", () => {
  const table = new Map([["b", { low: 0, high: 0, counts: [] }]]);
  takeHistograms(table, { histograms: ["w", "b"] }, viewOf([-1, 3, 0, 5, 2, 1, 0, 1, 0, 0, 0, 0]));
  assert.deepEqual([...table.keys()].sort(), ["b", "w"]);
  assert.deepEqual(table.get("w"), { low: -1, high: 3, counts: [0, 5, 2, 1] });
  assert.equal(histogramTitle("w", table.get("w")), "values of w from -1 to 3, most near 0.5");
  assert.equal(histogramTitle("b", table.get("b")), "");
});

test("a long series is thinned evenly and keeps its newest points", () => {
  const series = emptySeries(CHANNELS);
  for (let n = 0; n < 10 * MONITOR_POINTS; n++) addPoint(series, n, [2 * n, 0], CHANNELS);
  assert.ok(series.steps.length <= MONITOR_POINTS);
  assert.ok(series.steps.length >= MONITOR_POINTS / 2 - 1);
  assert.equal(series.steps.at(-1), 10 * MONITOR_POINTS - 1);
  series.steps.forEach((step, n) => assert.equal(series.values.mean[n], 2 * step));
});

test("numbers and times for people", () => {
  const cases = [[0, "0"], [0.5, "0.5"], [1234.56, "1235"], [1e-5, "1e-5"], [-0.000012345, "-1.234e-5"],
    [2.5e7, "2.5e7"], [NaN, "NaN"], [Infinity, "Inf"], [-Infinity, "-Inf"]];
  for (const [value, text] of cases) assert.equal(monitorNumber(value), text);
  assert.equal(monitorNumber(1234.56, 3), "1230");
  const times = [[0.25, "0.3 s"], [42, "42 s"], [75, "1 min 15 s"], [7300, "2 h 1 min"]];
  for (const [value, text] of times) assert.equal(monitorDuration(value), text);
});

test("ticks are round, within the range and few", () => {
  assert.deepEqual(monitorTicks(0, 10, 5), [0, 2, 4, 6, 8, 10]);
  for (const [low, high] of [[-3.2, 17], [0.001, 0.0013], [5, 5e6]]) {
    const ticks = monitorTicks(low, high, 4);
    assert.ok(ticks.length >= 2 && ticks.length <= 5, String(ticks));
    assert.ok(ticks.every((tick) => tick >= low - 1e-12 && tick <= high * (1 + 1e-12)));
  }
});

test("ranges skip what is no number and are never empty", () => {
  assert.deepEqual(monitorRange([NaN, Infinity]), [0, 1]);
  const [low, high] = monitorRange([1, NaN, 3], [-1]);
  assert.ok(low < -1 && low > -1.5 && high > 3 && high < 3.5);
  const [one, two] = monitorRange([0, 0]);
  assert.ok(one < 0 && two > 0);
});

test("a log scale only for positive values of some range", () => {
  assert.equal(suitsLogScale([1, 0.001]), true);
  assert.equal(suitsLogScale([1, 0.5]), false);
  assert.equal(suitsLogScale([1, -0.001, 0.0001]), false);
  assert.equal(suitsLogScale([NaN, 1]), false);
});

test("lines have gaps where there is no number", () => {
  assert.deepEqual(lineRuns([0, 1, 2, 3], [5, NaN, 6, 7]), [[[0, 5]], [[2, 6], [3, 7]]]);
  assert.deepEqual(lineRuns([0], [NaN]), []);
  assert.equal(newestValue([1, 2, NaN]), 2);
  assert.ok(Number.isNaN(newestValue([NaN])));
  const values = { mean: [1, NaN, NaN], nan: [0, NaN, 4] };
  assert.ok(Number.isNaN(newestOfValues({ values }, "mean")));
  assert.equal(newestOfValues({ values: { ...values, nan: [0, NaN, NaN] } }, "mean"), 1);
});
