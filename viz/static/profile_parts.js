/** What the page of a profile shows, as numbers and texts: no DOM. */

/** A time in nanoseconds with three digits: `1.25 ms`. */
export function nanosText(ns) {
  for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["us", 1e3]]) {
    if (Math.abs(ns) >= size) return `${threeDigits(ns / size)} ${unit}`;
  }
  return `${Math.round(ns)} ns`;
}

/** A number of bytes with three digits: `1.25 MiB`. */
export function bytesText(bytes) {
  let size = bytes;
  for (const unit of ["bytes", "KiB", "MiB", "GiB"]) {
    if (size < 1000 || unit === "GiB") return `${unit === "bytes" ? Math.round(size) : threeDigits(size)} ${unit}`;
    size /= 1024;
  }
  return "";
}

/** Three digits, without zeros at the end. */
export function threeDigits(value) {
  return value >= 999.5 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

/** A part of a whole in percent. */
export function percentText(part) {
  const percent = 100 * part;
  return `${percent >= 9.95 || percent === 0 ? Math.round(percent) : percent.toFixed(percent < 0.095 ? 2 : 1)} %`;
}

/** The columns of the table: title, whether its cells are numbers, a row's number or text. */
export const PROFILE_COLUMNS = [
  { key: "share", title: "share", number: true, value: (row) => row.ns },
  { key: "time", title: "time", number: true, value: (row) => row.ns },
  { key: "calls", title: "calls", number: true, value: (row) => row.calls ?? null },
  { key: "each", title: "each", number: true, value: (row) => (row.calls ? row.ns / row.calls : null) },
  { key: "name", title: "what", number: false, value: (row) => row.name },
  { key: "where", title: "where", number: false, value: (row) => row.where ?? "" },
  { key: "peak", title: "of peak", number: true, value: (row) => (row.bound ? row.peak ?? 0 : null) },
  { key: "gbs", title: "GB/s", number: true, value: (row) => (row.bytes ? row.bytes / row.ns : null) },
  { key: "gflops", title: "GFLOP/s", number: true, value: (row) => (row.operations ? row.operations / row.ns : null) },
  { key: "bytes", title: "moved", number: true, value: (row) => row.bytes ?? null },
];

/** The text of a row's cell. */
export function profileCell(column, row, whole) {
  const value = column.value(row);
  if (value === null || value === "") return "";
  if (column.key === "share") return percentText(value / whole);
  if (column.key === "time" || column.key === "each") return nanosText(value);
  if (column.key === "peak") return `${percentText(value)} ${row.bound}`;
  if (column.key === "bytes") return bytesText(value);
  return column.number && column.key !== "calls" ? threeDigits(value) : String(value);
}

/** The rows in the order of a column; rows without a value, and the rest, come last. */
export function sortedRows(rows, key, descending) {
  const { value } = PROFILE_COLUMNS.find((column) => column.key === key);
  const sign = descending ? -1 : 1;
  const rank = (row) => (row.kind === "rest" ? 2 : value(row) === null || value(row) === "" ? 1 : 0);
  const compared = (a, b) => (typeof a === "string" ? a.localeCompare(b) : a - b);
  return [...rows].sort((a, b) => rank(a) - rank(b) || (rank(a) ? 0 : sign * compared(value(a), value(b))));
}

/** The boxes of an icicle: each branch with its depth, and where it begins and ends, from 0 to 1. */
export function icicleBoxes(root, narrowest = 0) {
  const boxes = [];
  const place = (branch, depth, start, end, path) => {
    boxes.push({ branch, depth, start, end, path });
    const whole = Math.max(branch.ns, (branch.children ?? []).reduce((sum, child) => sum + child.ns, 0), 1e-9);
    let left = start;
    (branch.children ?? []).forEach((child, n) => {
      const right = left + ((end - start) * child.ns) / whole;
      if (right - left > narrowest) place(child, depth + 1, left, right, [...path, n]);
      left = right;
    });
  };
  place(root, 0, 0, 1, []);
  return boxes;
}

/** The branch at a path, and all that it is in, outermost first. */
export function branchesTo(root, path) {
  const found = [root];
  for (const n of path) found.push(found[found.length - 1].children[n]);
  return found;
}

const ROLE_ORDER = ["input", "shared variable", "constant", "output", "intermediate"];

/** The layers of a chart of memory from the bottom up: a name, and bytes at each step. */
export function memoryLayers({ steps, holdings, more }) {
  const layers = new Map([...ROLE_ORDER, "not in use"].map((role) => [role, new Array(steps.length).fill(0)]));
  for (const [name, role, bytes, first, last] of holdings) {
    const sizes = layers.get(name.endsWith("not in use") ? "not in use" : role);
    for (let step = first; step <= last; step += 1) sizes[step] += bytes;
  }
  const rest = layers.get("intermediate");
  more.forEach((bytes, step) => (rest[step] += bytes));
  return [...layers].filter(([, sizes]) => sizes.some((size) => size > 0)).map(([name, sizes]) => ({ name, sizes }));
}

/** What is alive at a step, the largest first. */
export function aliveAt({ holdings }, step) {
  return holdings
    .filter(([, , bytes, first, last]) => bytes && first <= step && step <= last)
    .sort((a, b) => b[2] - a[2])
    .map(([name, role, bytes, , , type, where]) => ({ name, role, bytes, type, where }));
}

/** The outline of a layer on those below it, level along each step, in a box of a size. */
export function layerPath(floor, sizes, peak, width, height) {
  const x = (step) => ((width * step) / sizes.length).toFixed(1);
  const y = (size) => (height * (1 - size / Math.max(peak, 1))).toFixed(1);
  const top = sizes.map((size, n) => `L${x(n)} ${y(floor[n] + size)}L${x(n + 1)} ${y(floor[n] + size)}`);
  const bottom = floor.map((size, n) => `L${x(n + 1)} ${y(size)}L${x(n)} ${y(size)}`).reverse();
  return `M${x(0)} ${y(floor[0] ?? 0)}${top.join("")}${bottom.join("")}z`;
}
