/** Places on a line that keep their distances and make weighted lengths short: network simplex. */

// Of so many edges that could leave the tree the best one does.
const SEARCHED = 30;

/** Constraints: pairs of places, the least distance from left to right, the weight of the length. */
export class Lengths {
  constructor(capacity) {
    this.count = 0;
    this.tails = new Int32Array(capacity);
    this.heads = new Int32Array(capacity);
    this.gaps = new Float64Array(capacity);
    this.weights = new Float64Array(capacity);
  }

  add(left, right, distance, weight) {
    const k = this.count++;
    this.tails[k] = left;
    this.heads[k] = right;
    this.gaps[k] = distance;
    this.weights[k] = weight;
  }
}

/**
 * Places that minimise the sum of weight * (right - left), distances kept; at most so many steps.
 * `lengths` must hold at first and connect all places. Only differences of places count.
 * Source: Gansner, Koutsofios, North, Vo, IEEE Trans. Software Engineering 19 (1993), 4.2.
 */
export function shortenLengths(places, lengths, steps) {
  const { tails, heads, gaps } = lengths;
  const count = places.length;
  const x = Float64Array.from(places);
  const ends = endsAt(count, lengths);
  const tree = new SpanningTree(count, lengths, ends, tightTree(x, lengths, ends));
  const { edge, pull } = tree;
  let next = 0; // where the search goes on for an edge of the tree that is to leave it
  for (let step = 0; step < steps; step++) {
    let child = -1;
    let least = -1e-9;
    for (let looked = 0, found = 0; looked < count - 1 && found < SEARCHED; looked++) {
      next = next + 1 < count ? next + 1 : 1;
      // What the sum grows by when this edge gets longer.
      const growth = heads[edge[next]] === next ? pull[next] : -pull[next];
      if (growth < -1e-9) found += 1;
      if (growth >= least) continue;
      child = next;
      least = growth;
    }
    if (child < 0) break;
    const way = heads[edge[child]] === child ? 1 : -1;
    const ahead = way > 0 ? heads : tails;
    const moved = tree.below(child);
    let best = -1;
    let slack = Infinity;
    for (let k = 0; k < moved.length; k++) {
      for (let n = ends.first[moved[k]]; n < ends.first[moved[k] + 1]; n++) {
        const number = ends.of[n];
        if (tree.seen[ahead[number]] === tree.turn) continue;
        const room = x[heads[number]] - x[tails[number]] - gaps[number];
        if (room > slack || (room === slack && number > best)) continue;
        best = number;
        slack = room;
      }
    }
    if (best < 0) break;
    if (slack > 0) for (let k = 0; k < moved.length; k++) x[moved[k]] += way * slack;
    tree.exchange(child, best);
  }
  return x;
}

/**
 * Constraints that connect all places, as a tree that hangs from place 0: `parent` and `edge` are
 * what is above each place, `pull` is what the sum grows by when all below a place moves right.
 */
class SpanningTree {
  constructor(count, lengths, ends, numbers) {
    const { tails, heads, weights } = lengths;
    Object.assign(this, { tails, heads, ends });
    this.holds = new Uint8Array(lengths.count);
    for (let k = 0; k < numbers.length; k++) this.holds[numbers[k]] = 1;
    this.parent = new Int32Array(count).fill(-1);
    this.edge = new Int32Array(count).fill(-1);
    this.found = new Int32Array(count);
    this.seen = new Int32Array(count); // the turn in which a place was found last
    this.turn = 0;
    this.pull = new Float64Array(count);
    for (let k = 0; k < lengths.count; k++) {
      this.pull[heads[k]] += weights[k];
      this.pull[tails[k]] -= weights[k];
    }
    const order = this.below(0);
    for (let k = count - 1; k > 0; k--) this.pull[this.parent[order[k]]] += this.pull[order[k]];
  }

  /** A place and all below it, parents first. */
  below(root) {
    const { tails, heads, ends, holds, parent, edge, found, seen } = this;
    const turn = ++this.turn;
    let size = 1;
    found[0] = root;
    seen[root] = turn;
    for (let k = 0; k < size; k++) {
      const place = found[k];
      for (let n = ends.first[place]; n < ends.first[place + 1]; n++) {
        const number = ends.of[n];
        if (!holds[number] || number === edge[place]) continue;
        const other = tails[number] === place ? heads[number] : tails[number];
        parent[other] = place;
        edge[other] = number;
        seen[other] = turn;
        found[size++] = other;
      }
    }
    return found.subarray(0, size);
  }

  /** Hang what `below(child)` has just found on another constraint. */
  exchange(child, number) {
    const { tails, heads, parent, edge, pull } = this;
    this.holds[edge[child]] = 0;
    this.holds[number] = 1;
    const whole = pull[child];
    for (let place = parent[child]; place >= 0; place = parent[place]) pull[place] -= whole;
    const inner = this.seen[tails[number]] === this.turn ? tails[number] : heads[number];
    const outer = tails[number] + heads[number] - inner;
    // From there up to the child what was below is above now.
    let [above, link, rest] = [outer, number, 0];
    for (let place = inner; ; ) {
      const [next, between, before] = [parent[place], edge[place], pull[place]];
      parent[place] = above;
      edge[place] = link;
      pull[place] = whole - rest;
      if (place === child) break;
      [above, link, rest] = [place, between, before];
      place = next;
    }
    for (let place = outer; place >= 0; place = parent[place]) pull[place] += whole;
  }
}

/** The constraints at each place: `of[k]` for k from `first[place]` to before `first[place + 1]`. */
function endsAt(places, { count, tails, heads }) {
  const first = new Int32Array(places + 1);
  for (let k = 0; k < count; k++) {
    first[tails[k]] += 1;
    first[heads[k]] += 1;
  }
  for (let k = 0, sum = 0; k <= places; k++) first[k] = sum += first[k];
  const of = new Int32Array(2 * count);
  for (let k = count - 1; k >= 0; k--) {
    of[--first[tails[k]]] = k;
    of[--first[heads[k]]] = k;
  }
  return { first, of };
}

/** Move places until constraints without slack connect them all; these constraints. */
function tightTree(x, { count, tails, heads, gaps }, { first, of }) {
  const joined = new Uint8Array(x.length);
  const rightward = new Heap(count);
  const leftward = new Heap(count);
  const tree = new Int32Array(x.length - 1);
  let shift = 0; // of all places that are not joined yet
  for (let place = 0, found = 0; ; ) {
    joined[place] = 1;
    x[place] += shift;
    for (let n = first[place]; n < first[place + 1]; n++) {
      const k = of[n];
      const slack = x[heads[k]] - x[tails[k]] - gaps[k];
      if (!joined[heads[k]]) rightward.push(slack, k);
      else if (!joined[tails[k]]) leftward.push(slack, k);
    }
    while (rightward.size && joined[heads[rightward.values[0]]]) rightward.pop();
    while (leftward.size && joined[tails[leftward.values[0]]]) leftward.pop();
    if (!rightward.size && !leftward.size) return tree;
    const toRight =
      !leftward.size || (rightward.size && rightward.keys[0] + shift <= leftward.keys[0] - shift);
    const heap = toRight ? rightward : leftward;
    shift = toRight ? -heap.keys[0] : heap.keys[0];
    const number = heap.pop();
    place = toRight ? heads[number] : tails[number];
    tree[found++] = number;
  }
}

/** Numbers with keys, of which the one with the least key comes out first. */
class Heap {
  constructor(capacity) {
    this.size = 0;
    this.keys = new Float64Array(capacity);
    this.values = new Int32Array(capacity);
  }

  push(key, value) {
    const { keys, values } = this;
    let k = this.size++;
    for (let above = (k - 1) >> 1; k && keys[above] > key; above = (k - 1) >> 1) {
      keys[k] = keys[above];
      values[k] = values[above];
      k = above;
    }
    keys[k] = key;
    values[k] = value;
  }

  pop() {
    const { keys, values } = this;
    const top = values[0];
    const size = --this.size;
    const key = keys[size];
    let k = 0;
    for (let child = 1; child < size; child = 2 * k + 1) {
      if (child + 1 < size && keys[child + 1] < keys[child]) child += 1;
      if (keys[child] >= key) break;
      keys[k] = keys[child];
      values[k] = values[child];
      k = child;
    }
    keys[k] = key;
    values[k] = values[size];
    return top;
  }
}
