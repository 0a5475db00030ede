/** Places on a line that keep their distances and make weighted lengths short: network simplex. */

/**
 * Places that minimise the sum of weight * (right - left), distances kept.
 * `constraints` are [left, right, distance, weight]; they must hold at first and connect all.
 * Source: Gansner, Koutsofios, North, Vo, IEEE Trans. Software Engineering 19 (1993), 4.2.
 */
export function shortenLengths(places, constraints, steps) {
  const count = places.length;
  const [x, tree] = tightTree(places, constraints);
  const tails = Int32Array.from(constraints, (constraint) => constraint[0]);
  const heads = Int32Array.from(constraints, (constraint) => constraint[1]);
  const gaps = Float64Array.from(constraints, (constraint) => constraint[2]);
  const pull = new Float64Array(count); // what the sum grows by when one place moves right
  constraints.forEach((constraint, k) => {
    pull[heads[k]] += constraint[3];
    pull[tails[k]] -= constraint[3];
  });
  const walk = treeWalk(count);
  const total = new Float64Array(count);
  const inside = new Uint8Array(count);
  for (let step = 0; step < steps; step++) {
    const { order, size, edge, parent } = walkTree(tree, tails, heads, walk);
    total.set(pull);
    for (let k = order.length - 1; k > 0; k--) total[parent[order[k]]] += total[order[k]];
    let worst = 0;
    let least = -1e-9;
    for (let k = 1; k < order.length; k++) {
      const child = order[k];
      const value = heads[edge[child]] === child ? total[child] : -total[child];
      if (value < least) {
        worst = k;
        least = value;
      }
    }
    if (!worst) break;
    const child = order[worst];
    const flag = heads[edge[child]] === child ? 1 : 0;
    inside.fill(1 - flag);
    for (let k = worst; k < worst + size[child]; k++) inside[order[k]] = flag;
    let best = -1;
    let slack = Infinity;
    for (let k = 0; k < tails.length; k++) {
      if (!inside[tails[k]] || inside[heads[k]]) continue;
      const room = x[heads[k]] - x[tails[k]] - gaps[k];
      if (room < slack) {
        best = k;
        slack = room;
      }
    }
    if (best < 0) break;
    if (slack > 0) for (let k = 0; k < count; k++) if (inside[k]) x[k] += slack;
    tree[tree.indexOf(edge[child])] = best;
  }
  return x;
}

/** Places moved until constraints without slack connect them all; these constraints. */
function tightTree(places, constraints) {
  const near = Array.from(places, () => []);
  constraints.forEach(([left, right], number) => {
    near[left].push(number);
    near[right].push(number);
  });
  const x = Float64Array.from(places);
  const joined = new Uint8Array(places.length);
  const rightward = [];
  const leftward = [];
  const tree = [];
  let shift = 0; // of all places that are not joined yet
  for (let place = 0; ; ) {
    joined[place] = 1;
    x[place] += shift;
    for (const number of near[place]) {
      const [left, right, distance] = constraints[number];
      const slack = x[right] - x[left] - distance;
      if (!joined[right]) heapPush(rightward, slack, number);
      else if (!joined[left]) heapPush(leftward, slack, number);
    }
    while (rightward.length && joined[constraints[rightward[0][1]][1]]) heapPop(rightward);
    while (leftward.length && joined[constraints[leftward[0][1]][0]]) heapPop(leftward);
    if (!rightward.length && !leftward.length) return [x, tree];
    const toRight =
      !leftward.length || (rightward.length && rightward[0][0] + shift <= leftward[0][0] - shift);
    const [slack, number] = heapPop(toRight ? rightward : leftward);
    shift = toRight ? -slack : slack;
    place = constraints[number][toRight ? 1 : 0];
    tree.push(number);
  }
}

function heapPush(heap, key, value) {
  let k = heap.length;
  heap.push(null);
  while (k && heap[(k - 1) >> 1][0] > key) {
    heap[k] = heap[(k - 1) >> 1];
    k = (k - 1) >> 1;
  }
  heap[k] = [key, value];
}

function heapPop(heap) {
  const top = heap[0];
  const last = heap.pop();
  if (!heap.length) return top;
  let k = 0;
  for (;;) {
    let child = 2 * k + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && heap[child + 1][0] < heap[child][0]) child += 1;
    if (heap[child][0] >= last[0]) break;
    heap[k] = heap[child];
    k = child;
  }
  heap[k] = last;
  return top;
}

/** Room for what `walkTree` finds. */
function treeWalk(count) {
  const names = ["order", "size", "head", "parent", "edge", "stack"];
  const lists = names.map((name) => [name, new Int32Array(count)]);
  return { ...Object.fromEntries(lists), next: new Int32Array(2 * count) };
}

/** Places in preorder, sizes of subtrees, each place's parent and tree edge above it. */
function walkTree(tree, tails, heads, kept) {
  const { head, next, order, size, parent, edge, stack } = kept;
  head.fill(-1);
  for (let k = 0; k < tree.length; k++) {
    const left = tails[tree[k]];
    const right = heads[tree[k]];
    next[2 * k] = head[left];
    head[left] = 2 * k;
    next[2 * k + 1] = head[right];
    head[right] = 2 * k + 1;
  }
  let found = 0;
  let waiting = 1;
  stack[0] = 0;
  parent[0] = edge[0] = -1;
  while (waiting) {
    const place = stack[--waiting];
    order[found++] = place;
    size[place] = 1;
    for (let half = head[place]; half >= 0; half = next[half]) {
      const number = tree[half >> 1];
      if (number === edge[place]) continue;
      const other = half & 1 ? tails[number] : heads[number];
      parent[other] = place;
      edge[other] = number;
      stack[waiting++] = other;
    }
  }
  for (let k = found - 1; k > 0; k--) size[parent[order[k]]] += size[order[k]];
  return kept;
}
