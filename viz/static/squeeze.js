/** Documents as pages hold them, columns of small numbers, and back to what the explorer takes. */

import { mount } from "./explorer.js";

/** A column: its values, or the differences between its whole numbers; null is no value. */
export function columnValues({ plain, steps }) {
  if (plain) return plain;
  let last = 0;
  return steps.map((step) => (step === null ? null : (last += step)));
}

/** The document that was squeezed. */
export function restoredDocument(squeezed) {
  const { nodes, edges, groupings } = squeezed;
  const columns = Object.entries(nodes.columns).map(([name, column]) => [name, columnValues(column)]);
  const restored = { ...squeezed };
  restored.nodes = Array.from({ length: nodes.count }, (_, number) =>
    Object.fromEntries(columns.map(([name, values]) => [name, values[number]]).filter(([, value]) => value !== null)),
  );
  const [ends, lengths, labels, ...rest] = edges.columns.map(columnValues);
  restored.edges = ends.map((end, number) => [
    end - lengths[number], end, edges.labels[labels[number]], ...rest.map((values) => values[number]),
  ]);
  if (groupings) restored.groupings = groupings.map((one) => ({ ...one, of: columnValues(one.of) }));
  return restored;
}

/** As `mount`, of a squeezed document. */
export function mountSqueezed(root, squeezed, options) {
  return mount(root, restoredDocument(squeezed), options);
}
