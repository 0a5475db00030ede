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
  const limit = graph.rowOf.length > 1500 ? 8 : 14;
  for (let sweep = 0; sweep < limit && best && idle < 4; sweep++) {
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
  const seen = new Uint8Array(graph.rowOf.length);
  const rows = graph.rows.map(() => []);
  const stack = [];
  for (let vertex = seen.length - 1; vertex >= 0; vertex--) {
    if (!graph.down[vertex].length) stack.push(vertex);
  }
  while (stack.length) {
    const vertex = stack.pop();
    if (seen[vertex]) continue;
    seen[vertex] = 1;
    rows[graph.rowOf[vertex]].push(vertex);
    for (let k = graph.up[vertex].length - 1; k >= 0; k--) stack.push(graph.up[vertex][k]);
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
  const [near, at] = downward ? [graph.up, graph.upAt] : [graph.down, graph.downAt];
  for (const row of downward ? graph.rows : [...graph.rows].reverse()) {
    for (const vertex of row) {
      const others = near[vertex];
      let sum = others.length ? 0 : place[vertex];
      for (let k = 0; k < others.length; k++) sum += place[others[k]] + at[vertex][k];
      keys[vertex] = sum / (others.length || 1);
    }
    row.sort((a, b) => keys[a] - keys[b]);
    placeRow(row, place);
  }
}

/** The number of pairs of edges that cross between neighbouring rows. */
export function countCrossings(graph) {
  const place = placesInRows(graph);
  let total = 0;
  graph.rows.forEach((row, number) => {
    const width = graph.rows[number + 1]?.length ?? 0;
    const tree = new Int32Array(width + 1); // a Fenwick tree of the ends met so far
    let seen = 0;
    for (const vertex of row) {
      const below = graph.down[vertex].map((other) => place[other] + (width - 1) / 2 + 1);
      for (const end of below) {
        let upTo = 0;
        for (let k = end; k > 0; k -= k & -k) upTo += tree[k];
        total += seen - upTo;
      }
      for (const end of below) for (let k = end; k <= width; k += k & -k) tree[k] += 1;
      seen += below.length;
    }
  });
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
    const touch = (vertex) => {
      dirty[vertex] = later[vertex] = 1;
    };
    swapped = false;
    for (const row of graph.rows) {
      for (let k = 0; k + 1 < row.length; k++) {
        const first = row[k];
        const second = row[k + 1];
        if (!dirty[first] && !dirty[second]) continue;
        if (gained(up[first], up[second], place) + gained(down[first], down[second], place) <= 0) continue;
        row[k] = second;
        row[k + 1] = first;
        [place[first], place[second]] = [place[second], place[first]];
        swapped = true;
        for (const vertex of [first, second]) {
          touch(vertex);
          up[vertex].forEach(touch);
          down[vertex].forEach(touch);
        }
      }
    }
    dirty = later;
  }
}

/** How many crossings go, less those that come, when what these belong to change places. */
function gained(ours, theirs, place) {
  let gain = 0;
  for (let k = 0; k < ours.length; k++) {
    const mine = place[ours[k]];
    for (let n = 0; n < theirs.length; n++) {
      const other = place[theirs[n]];
      if (mine > other) gain += 1;
      else if (mine < other) gain -= 1;
    }
  }
  return gain;
}
