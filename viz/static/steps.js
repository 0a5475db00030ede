/** Steps of a timeline: the graph after each of them, and what it looks like as a document. */

const RESULTS = 0;
const CROWD = 12;
const DOTS = "⋯";

// ---- going through the steps ----------------------------------------------------------------

/**
 * A timeline that can be gone through both ways.
 *
 * `graph` maps each key to its inputs `[key, output]` after `at` steps; `undo` has what takes each
 * step back; `came`, `went` and `rewired` list keys for each step.
 */
export function timelineOf(data) {
  const graph = new Map(data.start.map(([key, inputs]) => [key, inputs.map(asUse)]));
  const first = new Map(graph);
  const steps = data.steps.map((step) => {
    const redo = step.changes.map(([key, inputs]) => [key, inputs && inputs.map(asUse)]);
    const undo = redo.map(([key]) => [key, graph.get(key) ?? null]);
    const came = redo.filter(([key]) => !graph.has(key)).map(([key]) => key);
    const went = redo.filter(([, inputs]) => !inputs).map(([key]) => key);
    const gone = new Set(went);
    const rewired = redo.map(([key]) => key).filter((key) => !gone.has(key) && !came.includes(key));
    applyChanges(graph, redo);
    return { redo, undo, came, went, rewired };
  });
  return { data, steps, at: 0, graph: first };
}

function asUse(input) {
  return Array.isArray(input) ? input : [input, 0];
}

function applyChanges(graph, changes) {
  for (const [key, inputs] of changes) {
    if (inputs) graph.set(key, inputs);
    else graph.delete(key);
  }
}

/** Go to the graph after `count` steps; it is changed in place, and returned. */
export function graphAfter(timeline, count) {
  while (timeline.at < count) applyChanges(timeline.graph, timeline.steps[timeline.at++].redo);
  while (timeline.at > count) applyChanges(timeline.graph, timeline.steps[--timeline.at].undo);
  return timeline.graph;
}

/** The keys, each after those of its inputs; those that no result needs come first. */
export function keysInOrder(graph) {
  const order = [];
  const state = new Map();
  for (const root of [...[...graph.keys()].filter((key) => !graph.get(key).length), RESULTS]) {
    const stack = [root];
    while (stack.length) {
      const key = stack[stack.length - 1];
      if (state.get(key) === 2) stack.pop();
      else if (state.get(key) === 1) {
        state.set(key, 2);
        order.push(key);
        stack.pop();
      } else {
        state.set(key, 1);
        const inputs = graph.get(key);
        for (let n = inputs.length - 1; n >= 0; n--) {
          if (!state.has(inputs[n][0])) stack.push(inputs[n][0]);
        }
      }
    }
  }
  return order.filter((key) => key !== RESULTS);
}

// ---- documents ------------------------------------------------------------------------------

/**
 * The nodes and edges of a graph, or of two at once (`earlier`: the one before), in the form of a
 * document. Constants have a node for each use. `keys` names each node the same in all documents;
 * an edge that is in one of two graphs only ends with 1 (new) or -1 (gone).
 */
export function documentOfGraph(data, graph, earlier = null) {
  const found = { nodes: [], edges: [], keys: [], number: new Map() };
  const keys = keysInOrder(earlier ? unionOf(earlier, graph) : graph).filter((key) => !isConstant(data, key));
  for (const key of keys) {
    for (const use of usesOf(graph, earlier, key)) {
      if (isConstant(data, use.from)) startOfUse(data, found, use, key);
    }
    addNode(found, `${key}`, { ...data.nodes[key] });
  }
  for (const key of keys) {
    const end = found.number.get(`${key}`);
    for (const use of usesOf(graph, earlier, key)) {
      const { from, output, port, change } = use;
      const start = startOfUse(data, found, use, key);
      const edge = [start, end, labelOf(data, from, output), port, output, data.nodes[key].ordered ?? 0];
      found.edges.push(change ? [...edge, change] : edge);
    }
  }
  usesOf(graph, earlier, RESULTS).forEach((use) => addResult(data, found, use));
  return found;
}

/** All nodes of two graphs with all inputs that they have in either. */
function unionOf(before, after) {
  const union = new Map(after);
  for (const [key, inputs] of before) {
    const other = union.get(key);
    union.set(key, other && other !== inputs ? [...other, ...inputs] : inputs);
  }
  return union;
}

/** The inputs of a node, in one or two graphs, each with its port and whether it changes. */
function usesOf(graph, earlier, key) {
  const now = graph.get(key) ?? [];
  if (!earlier) return now.map(([from, output], port) => ({ from, output, port, change: 0 }));
  const then = earlier.get(key) ?? [];
  const uses = [];
  for (let port = 0; port < Math.max(now.length, then.length); port++) {
    const [one, two] = [now[port], then[port]];
    const same = one && two && one[0] === two[0] && one[1] === two[1];
    if (one) uses.push({ from: one[0], output: one[1], port, change: same ? 0 : 1 });
    if (two && !same) uses.push({ from: two[0], output: two[1], port, change: -1 });
  }
  return uses;
}

function isConstant(data, key) {
  return data.nodes[key].kind === "constant";
}

/** The number of the node that a use comes from; a constant gets a node of its own. */
function startOfUse(data, found, { from, port }, user) {
  if (!isConstant(data, from)) return found.number.get(`${from}`);
  return addNode(found, `${from}:${user}:${port}`, { ...data.nodes[from] });
}

function addNode(found, key, node) {
  if (!found.number.has(key)) {
    found.number.set(key, found.nodes.length);
    found.keys.push(key);
    found.nodes.push({ ...node, key });
  }
  return found.number.get(key);
}

function labelOf(data, key, output) {
  const { type, types } = data.nodes[key];
  return types ? types[output] : type ?? "";
}

/** Mark an output, or add a node for the new value of a shared variable. */
function addResult(data, found, use) {
  const { from, output, port, change } = use;
  const start = startOfUse(data, found, use, RESULTS);
  if (port < data.outputs) {
    if (change >= 0) found.nodes[start].of_output = true;
    return;
  }
  const type = labelOf(data, from, output);
  const label = `${data.updates[port - data.outputs]} ← new value`;
  const end = addNode(found, `new:${port}`, { kind: "update", label, type });
  found.edges.push(change ? [start, end, type, 0, output, 0, change] : [start, end, type, 0, output, 0]);
}

// ---- neighbourhoods -------------------------------------------------------------------------

/** The numbers of the nodes at most `levels` edges away from some; not through leaves and crowds. */
export function nodesAround({ nodes, edges }, centre, levels) {
  const links = nodes.map(() => []);
  for (const [start, end] of edges) {
    links[start].push(end);
    links[end].push(start);
  }
  const kept = new Set(centre);
  let ring = [...kept];
  for (let level = 0; level < levels; level++) {
    const next = [];
    for (const node of ring) {
      const isLeaf = nodes[node].kind !== "op" && level > 0;
      if (isLeaf || (links[node].length > CROWD && level > 0)) continue;
      for (const other of links[node].slice(0, 4 * CROWD)) {
        if (!kept.has(other)) next.push(other);
        kept.add(other);
      }
    }
    ring = next;
  }
  // What all arguments of a node are is part of what the node is.
  for (const [start, end] of edges) {
    if (kept.has(end) && nodes[start].kind === "constant") kept.add(start);
  }
  return kept;
}

/** The part of a document with some nodes; what is cut off is a small node with three dots. */
export function partOf(found, kept) {
  const part = { nodes: [], edges: [], keys: [], number: new Map() };
  for (const [number, node] of found.nodes.entries()) {
    if (kept.has(number)) addNode(part, found.keys[number], node);
  }
  const cut = new Map();
  for (const [start, end, ...rest] of found.edges) {
    if (kept.has(start) && kept.has(end)) {
      part.edges.push([part.number.get(found.keys[start]), part.number.get(found.keys[end]), ...rest]);
    } else if (kept.has(start) || kept.has(end)) {
      const inner = kept.has(start) ? start : end;
      const name = `${found.keys[inner]}:${kept.has(start) ? "users" : "inputs"}`;
      cut.set(name, { inner, down: kept.has(start), count: (cut.get(name)?.count ?? 0) + 1, rest });
    }
  }
  for (const [name, { inner, down, count, rest }] of cut) {
    const text = `${count} ${down ? "use" : "input"}${count === 1 ? "" : "s"} not shown`;
    const dots = addNode(part, name, { kind: "constant", label: DOTS, text });
    const own = part.number.get(found.keys[inner]);
    const [, port, output, ordered] = rest;
    part.edges.push(down ? [own, dots, "", 0, output, 0] : [dots, own, "", port, 0, ordered]);
  }
  return part;
}

// ---- what a step shows ----------------------------------------------------------------------

/**
 * The documents of a place on the timeline: 0 is the graph as it was built, 1 to n are the steps,
 * n + 1 is what they lead to.
 *
 * `both` has the nodes before and after a step, `before` and `after` one of them; each with the
 * numbers of the nodes that `came` and `went`; `shown` of `all` nodes are in them.
 */
export function sceneOfPlace(timeline, place, { levels = null, split = false } = {}) {
  const { data, steps } = timeline;
  if (place < 1 || place > steps.length) {
    const whole = documentOfGraph(data, graphAfter(timeline, place < 1 ? 0 : steps.length));
    return { both: marked(whole, [], []), shown: whole.nodes.length, all: whole.nodes.length };
  }
  const step = steps[place - 1];
  const before = new Map(graphAfter(timeline, place - 1));
  const after = graphAfter(timeline, place);
  const union = documentOfGraph(data, after, before);
  const kept = levels === null ? null : nodesAround(union, centreOf(union, step, data.steps[place - 1]), levels);
  const cut = (found) => {
    if (!kept) return found;
    const names = new Set([...kept].map((number) => union.keys[number]));
    return partOf(found, new Set(found.keys.flatMap((key, n) => (names.has(key) ? [n] : []))));
  };
  const counts = { shown: kept ? kept.size : union.nodes.length, all: union.nodes.length };
  if (!split) return { both: marked(cut(union), step.came, step.went), ...counts };
  return {
    before: marked(cut(withChanges(documentOfGraph(data, before), union, -1)), [], step.went),
    after: marked(cut(withChanges(documentOfGraph(data, after), union, 1)), step.came, []),
    ...counts,
  };
}

/** The document of one graph with the marks that edges have in that of two. */
function withChanges(found, union, change) {
  const name = ({ keys }, [start, end, , port, output]) => `${keys[start]} ${output} ${keys[end]} ${port}`;
  const changed = new Set(union.edges.filter((edge) => edge[6] === change).map((edge) => name(union, edge)));
  const edges = found.edges.map((edge) => (changed.has(name(found, edge)) ? [...edge, change] : edge));
  return { ...found, edges };
}

/** The nodes that a step is about: those that came and went, and what gives their values now. */
function centreOf(union, { came, went }, { root }) {
  const names = [...came, ...went, ...(root ? [root] : [])].map(String);
  const centre = names.flatMap((key) => union.number.get(key) ?? []);
  const newly = union.edges.filter((edge) => edge[6] === 1).map(([start]) => start);
  return root ? centre : [...centre, ...newly];
}

/** A document with the numbers of the nodes that came and went; constants go with their users. */
function marked(found, came, went) {
  const numbersOf = (keys) => {
    const set = new Set(keys.map(String));
    return found.keys.flatMap((key, number) => {
      const [own, user] = key.split(":");
      return set.has(own) || (user !== undefined && !isDots(found.nodes[number]) && set.has(user)) ? [number] : [];
    });
  };
  const [newer, older] = [numbersOf(came), numbersOf(went)];
  const isNew = new Set(newer);
  return { ...found, came: newer, went: older.filter((number) => !isNew.has(number)) };
}

function isDots(node) {
  return node.label === DOTS;
}

/** For each node of one document the node of the same key in another, or -1. */
export function matchingNodes(one, other) {
  return one.keys.map((key) => other.number.get(key) ?? -1);
}

// ---- rules ----------------------------------------------------------------------------------

/** The rules with how often they fired, the most frequent first. */
export function countedRules(data) {
  const counts = data.rules.map((rule, number) => ({ rule, number, count: 0 }));
  for (const { rule, count } of data.steps) counts[rule].count += count ?? 1;
  return counts.sort((a, b) => b.count - a.count || a.number - b.number);
}

/** The place of the next step of a rule after a place, from the start again at the end; or -1. */
export function nextOfRule(data, rule, place, backward = false) {
  const count = data.steps.length;
  for (let n = 1; n <= count; n++) {
    const at = (((place - 1 + (backward ? -n : n)) % count) + count) % count;
    if (data.steps[at].rule === rule) return at + 1;
  }
  return -1;
}

/** The runs of steps of one pass: `{ stage, from, to }`, places counted from 1. */
export function runsOfStages(data) {
  const runs = [];
  data.steps.forEach(({ stage }, n) => {
    const last = runs[runs.length - 1];
    if (last && last.stage === stage) last.to = n + 1;
    else runs.push({ stage, from: n + 1, to: n + 1 });
  });
  return runs;
}

/** A time in milliseconds for people. */
export function timeText(ms) {
  if (ms >= 100) return `${(ms / 1000).toPrecision(2)} s`;
  return ms >= 1 ? `${ms.toPrecision(2)} ms` : `${Math.round(ms * 1000)} µs`;
}
