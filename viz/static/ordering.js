/** The order of vertices within the rows of a drawing: barycentre sweeps that keep crossings few. */

/** Order the vertices in every row, in place: barycentre sweeps that keep crossings few. */
export function orderRows(graph, standIns) {
  firstOrder(graph);
  if (!standIns) {
    for (let sweep = 0; sweep < 6; sweep++) sweepRows(graph, sweep % 2 === 0);
    return;
  }
  let best = countCrossings(graph);
  let bestRows = graph.rows.map((row) => [...row]);
  let idle = 0;
  const [limit, patience] = graph.rowOf.length > 1500 ? [8, 2] : [14, 4];
  for (let sweep = 0; sweep < limit && best && idle < patience; sweep++) {
    sweepRows(graph, sweep % 2 === 0);
    swapNeighbours(graph);
    const crossings = countCrossings(graph);
    idle += 1;
    if (crossings < best) {
      [best, idle] = [crossings, 0];
      bestRows = graph.rows.map((row) => [...row]);
    }
  }
  graph.rows = bestRows;
}

/** Order rows as a walk from the last row upward meets vertices, arguments left to right. */
function firstOrder(graph) {
  const { up, down, rowOf } = graph;
  const seen = new Uint8Array(rowOf.length);
  const rows = graph.rows.map(() => []);
  const stack = [];
  for (let vertex = seen.length - 1; vertex >= 0; vertex--) {
    if (!down.count(vertex)) stack.push(vertex);
  }
  while (stack.length) {
    const vertex = stack.pop();
    if (seen[vertex]) continue;
    seen[vertex] = 1;
    rows[rowOf[vertex]].push(vertex);
    for (let k = up.first[vertex + 1] - 1; k >= up.first[vertex]; k--) stack.push(up.to[k]);
  }
  graph.rows = rows;
}

/** The place of each vertex in its row, counted from the middle. */
export function placesInRows(graph) {
  const place = new Float64Array(graph.rowOf.length);
  for (const row of graph.rows) placeRow(row, place);
  return place;
}

function placeRow(row, place) {
  const middle = (row.length - 1) / 2;
  for (let k = 0; k < row.length; k++) place[row[k]] = k - middle;
}

/** Sort each row by the mean place of the neighbours above (downward) or below. */
function sweepRows(graph, downward) {
  const place = placesInRows(graph);
  const keys = new Float64Array(place.length);
  const { first, to, at } = downward ? graph.up : graph.down;
  const byKey = (a, b) => keys[a] - keys[b];
  for (let step = 0; step < graph.rows.length; step++) {
    const row = graph.rows[downward ? step : graph.rows.length - 1 - step];
    for (let n = 0; n < row.length; n++) {
      const vertex = row[n];
      const begin = first[vertex];
      const end = first[vertex + 1];
      let sum = begin < end ? 0 : place[vertex];
      for (let k = begin; k < end; k++) sum += place[to[k]] + at[k];
      keys[vertex] = sum / (end - begin || 1);
    }
    row.sort(byKey);
    placeRow(row, place);
  }
}

/** The number of pairs of edges that cross between neighbouring rows. */
export function countCrossings(graph) {
  const place = placesInRows(graph);
  const { first, to } = graph.down;
  const ends = new Float64Array(to.length); // of the row's edges met so far, in order
  let total = 0;
  for (let number = 0; number + 1 < graph.rows.length; number++) {
    const row = graph.rows[number];
    let seen = 0;
    for (let n = 0; n < row.length; n++) {
      const begin = first[row[n]];
      for (let k = begin; k < first[row[n] + 1]; k++) {
        const end = place[to[k]];
        let at = seen;
        for (; at && ends[at - 1] > end; at--) ends[at] = ends[at - 1];
        ends[at] = end;
        total += seen - at;
        seen += 1;
        // Those that leave the same vertex do not cross.
        for (let own = begin; own < k; own++) if (place[to[own]] > end) total -= 1;
      }
    }
  }
  return total;
}

/** Swap vertices that stand side by side while that takes crossings away. */
function swapNeighbours(graph) {
  const place = placesInRows(graph);
  const { up, down } = graph;
  // A pair is looked at again when one of both, or what one is linked to, has moved.
  let dirty = new Uint8Array(place.length).fill(1);
  for (let swapped = true, round = 0; swapped && round < 6; round++) {
    const later = new Uint8Array(place.length);
    const touch = ({ first, to }, vertex) => {
      for (let k = first[vertex]; k < first[vertex + 1]; k++) dirty[to[k]] = later[to[k]] = 1;
    };
    swapped = false;
    for (const row of graph.rows) {
      for (let k = 0; k + 1 < row.length; k++) {
        const ours = row[k];
        const theirs = row[k + 1];
        if (!dirty[ours] && !dirty[theirs]) continue;
        if (gained(up, ours, theirs, place) + gained(down, ours, theirs, place) <= 0) continue;
        row[k] = theirs;
        row[k + 1] = ours;
        place[ours] += 1;
        place[theirs] -= 1;
        swapped = true;
        for (const vertex of [ours, theirs]) {
          dirty[vertex] = later[vertex] = 1;
          touch(up, vertex);
          touch(down, vertex);
        }
      }
    }
    dirty = later;
  }
}

/** How many crossings go, less those that come, when two vertices change places. */
function gained({ first, to }, ours, theirs, place) {
  let gain = 0;
  for (let k = first[ours]; k < first[ours + 1]; k++) {
    const mine = place[to[k]];
    for (let n = first[theirs]; n < first[theirs + 1]; n++) {
      const other = place[to[n]];
      if (mine > other) gain += 1;
      else if (mine < other) gain -= 1;
    }
  }
  return gain;
}
