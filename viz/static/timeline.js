/** The timeline: a slider over the rewrites of a function, each as a change of its graph. */

import { mount } from "./explorer.js";
import { countOf } from "./scene.js";
import { escapeText } from "./svg.js";
import { countedRules, matchingNodes, nextOfRule, runsOfStages, sceneOfPlace, timeText, timelineOf } from "./steps.js";
import { followTheme } from "./theme.js";

const LEVELS = 1;
const WHOLE_NODES = 30;
const PLAY_MS = 1100;
const RANGES = [1, 2, 3, 5, null];

const MOVES = {
  first: ["M4 3v10M13 3 7 8l6 5z", "To the graph as built (Home)"],
  back: ["M11 3 5 8l6 5z", "One step back (←)"],
  play: ["M5 3v10l8-5z", "Play (space)"],
  on: ["M5 3v10l6-5z", "One step on (→)"],
  last: ["M12 3v10M3 3l6 5-6 5z", "To what runs (End)"],
};
const PAUSE = "M5 3v10M11 3v10";

function moveMarkup(name) {
  const [path, title] = MOVES[name];
  return `<button type="button" data-move="${name}" title="${title}" aria-label="${title}"><svg viewBox="0 0 16 16" aria-hidden="true"><path d="${path}"/></svg></button>`;
}

function rangeMarkup(levels) {
  const title = levels ? `Nodes up to ${countOf(levels, "level")} from the change` : "The whole graph (w)";
  return `<button type="button" data-levels="${levels ?? ""}" title="${title}" aria-pressed="false">${levels ?? "all"}</button>`;
}

function timelineMarkup({ title, steps, stages, note }) {
  const fired = steps.filter((step) => step.count === undefined).length;
  const ms = stages.reduce((sum, stage) => sum + stage.ms, 0);
  return `<div class="ari-tl-head"><b>${escapeText(title || "function")}</b>
<span class="ari-tl-soft">${countOf(fired, "rewrite")} in ${timeText(ms)}${note ? ` · ${escapeText(note)}` : ""}</span><span class="ari-tl-space"></span>
<span class="ari-tl-soft ari-tl-shown"></span><span class="ari-tl-range" role="group" aria-label="Levels around the change">${RANGES.map(rangeMarkup).join("")}</span>
<button type="button" data-split title="The graph before and after the step (s)" aria-pressed="false">side by side</button></div>
<div class="ari-tl-moves">${Object.keys(MOVES).map(moveMarkup).join("")}
<span class="ari-tl-place"></span>
<div class="ari-tl-strip" tabindex="0" role="slider" aria-label="Step" aria-valuemin="0" aria-valuemax="${steps.length + 1}"><canvas></canvas><i></i></div></div>
<div class="ari-tl-body"><aside class="ari-tl-side" aria-label="Rules and passes"></aside>
<div class="ari-tl-main"><div class="ari-tl-card" aria-live="polite"></div><div class="ari-tl-graphs"></div></div></div>`;
}

/** The passes with their times, and the rules with their counts. */
function sideMarkup(data) {
  const counts = data.stages.map(() => 0);
  for (const { stage, count } of data.steps) counts[stage] += count ?? 1;
  const passes = data.stages.map(
    ({ name, ms }, n) =>
      `<tr><td>${escapeText(name)}</td><td>${counts[n] || ""}</td><td>${timeText(ms)}</td></tr>`,
  );
  const rules = countedRules(data).map(
    ({ rule, number, count }) =>
      `<li><button type="button" data-rule="${number}" title="${escapeText(`${rule.equation ?? ""}\nClick: the next time (Shift: the one before)`)}"><i data-tag="${rule.tag}"></i><span>${escapeText(rule.name)}</span><b>${count}</b></button></li>`,
  );
  const tags = [...new Set(data.rules.map((rule) => rule.tag))].map((tag) => `<span><i data-tag="${tag}"></i>${tag}</span>`);
  return `<h4>Passes</h4><table>${passes.join("")}</table>
<h4>Rules</h4><ul>${rules.join("")}</ul><p class="ari-tl-tags">${tags.join("")}</p>`;
}

/** An equation or a replacement, its arrow set apart. */
function arrowMarkup(text) {
  return escapeText(text).split(" → ").map((part) => `<span>${part}</span>`).join('<em>→</em>');
}

function cardMarkup(data, place) {
  const count = data.steps.length;
  if (place < 1 || place > count) {
    const [title, text] = place < 1 ? ["As built", "The graph as you wrote it, before all rewrites."] : ["What runs", "The graph after all rewrites."];
    return `<div class="ari-tl-title"><b>${title}</b></div><p class="ari-tl-soft">${count ? text : "No rule fired; the graph is as you wrote it."}</p>`;
  }
  const step = data.steps[place - 1];
  const rule = data.rules[step.rule];
  const about = [rule.doc, rule.contract].filter(Boolean).map(escapeText).join(" · ");
  const from = step.line || step.where;
  const where = from ? `<span class="ari-tl-line"><span class="ari-tl-soft">${escapeText(step.where ?? "")}</span> <code>${escapeText(step.line ?? "")}</code></span>` : "";
  return `<div class="ari-tl-title"><i data-tag="${rule.tag}"></i><b>${escapeText(rule.name)}</b><span class="ari-tl-chip" data-tag="${rule.tag}">${rule.tag}</span>
<span class="ari-tl-soft">${escapeText(data.stages[step.stage].name)} pass${step.count > 1 ? ` · ${countOf(step.count, "node")}` : ""}</span>${where}</div>
<div class="ari-tl-rule">${rule.equation ? `<span class="ari-tl-equation">${arrowMarkup(rule.equation)}</span>` : ""}<span class="ari-tl-soft">${about}</span></div>
<div class="ari-tl-change">${changeMarkup(step)}</div>`;
}

/** What was replaced by what; of a step that does the same to many nodes, each. */
function changeMarkup({ before, after, count }) {
  const code = (name, text) => (text ? `<code class="ari-tl-${name}">${escapeText(text)}</code>` : "");
  const [older, newer] = [before ?? "", after ?? ""].map((text) => (count > 1 ? text.split("\n") : [text]));
  return older.map((text, n) => `<span>${code("went", text)}${newer[n] ? `<em>→</em>${code("came", newer[n])}` : ""}</span>`).join("");
}

/** One timeline on a page. */
class Timeline {
  constructor(root, data, options) {
    this.page = root.ownerDocument;
    this.window = this.page.defaultView;
    this.data = data;
    this.options = options;
    this.timeline = timelineOf(data);
    this.count = data.steps.length;
    this.graphs = [];
    this.ends = [];
    this.split = false;
    this.element = this.page.createElement("div");
    this.element.className = "ari-timeline";
    this.element.style.height = typeof options.height === "string" ? options.height : `${options.height ?? 640}px`;
    this.element.innerHTML = timelineMarkup(data);
    root.appendChild(this.element);
    for (const name of ["strip", "place", "side", "card", "graphs", "shown"]) {
      this[`${name}Part`] = this.element.querySelector(`.ari-tl-${name}`);
    }
    this.sidePart.innerHTML = sideMarkup(data);
    this.levels = data.start.length <= WHOLE_NODES ? null : LEVELS;
    this.ends.push(followTheme(this.element, options.theme, () => this.at !== undefined && this.drawStrip()));
    this.listen();
    this.goTo(this.count ? 1 : 0);
    this.element.dataset.ready = "1";
  }

  // ---- places ----

  goTo(place) {
    const next = Math.min(Math.max(place, 0), this.count + 1);
    if (next === this.at && this.graphs.length) return;
    this.at = next;
    this.draw();
  }

  draw() {
    const { data, at } = this;
    this.element.dataset.at = at;
    const step = data.steps[at - 1];
    const text = at < 1 ? "as built" : at > this.count ? "what runs" : `${at} / ${this.count}`;
    this.placePart.textContent = text;
    this.strip("aria-valuenow", at);
    this.strip("aria-valuetext", step ? `${text}, ${data.rules[step.rule].name}` : text);
    this.cardPart.innerHTML = cardMarkup(data, at);
    for (const button of this.sidePart.querySelectorAll("[data-rule]")) {
      const current = step !== undefined && Number(button.dataset.rule) === step.rule;
      button.toggleAttribute("data-current", current);
      if (current) this.scrollTo(button);
    }
    this.drawStrip();
    this.drawGraphs();
  }

  /** Bring a rule into sight within its list; the page around stays where it is. */
  scrollTo(button) {
    const [list, own] = [this.sidePart.getBoundingClientRect(), button.getBoundingClientRect()];
    if (own.top < list.top) this.sidePart.scrollTop -= list.top - own.top + 8;
    else if (own.bottom > list.bottom) this.sidePart.scrollTop += own.bottom - list.bottom + 8;
  }

  strip(name, value) {
    this.stripPart.setAttribute(name, String(value));
  }

  /** Ticks by tag, passes below them, and where we are. */
  drawStrip() {
    const canvas = this.stripPart.firstElementChild;
    const { clientWidth: width, clientHeight: height } = this.stripPart;
    if (!width) return;
    const ratio = this.window.devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const look = this.window.getComputedStyle(this.element);
    const slot = width / (this.count + 2);
    const bar = Math.max(Math.min(slot * 0.6, 8), 1);
    this.data.steps.forEach(({ rule }, n) => {
      context.fillStyle = look.getPropertyValue(`--ari-tag-${this.data.rules[rule].tag}`);
      context.fillRect((n + 1.5) * slot - bar / 2, 3, bar, height - 13);
    });
    context.font = `10px ${look.fontFamily}`;
    context.textBaseline = "bottom";
    for (const { stage, from, to } of runsOfStages(this.data)) {
      const [left, right] = [from * slot + 1, (to + 1) * slot - 1];
      context.fillStyle = look.getPropertyValue("--ari-tl-line");
      context.fillRect(left, height - 9, Math.max(right - left, 1), 1.5);
      const { name } = this.data.stages[stage];
      context.fillStyle = look.getPropertyValue("--ari-tl-soft");
      if (context.measureText(name).width < right - left - 6) context.fillText(name, left + 2, height + 1);
    }
    this.stripPart.lastElementChild.style.left = `${(this.at + 0.5) * slot}px`;
  }

  placeOfPointer(event) {
    const box = this.stripPart.getBoundingClientRect();
    return Math.floor(((event.clientX - box.left) / box.width) * (this.count + 2));
  }

  // ---- graphs ----

  drawGraphs() {
    const { timeline, at, split, levels } = this;
    const scene = sceneOfPlace(timeline, at, { levels, split });
    const parts = scene.both ? [scene.both] : [scene.before, scene.after];
    this.shownPart.textContent = scene.shown < scene.all ? `${scene.shown} of ${scene.all} nodes, those around the change` : countOf(scene.all, "node");
    Object.assign(this.element.dataset, { shown: scene.shown, all: scene.all });
    this.setGraphs(parts, scene.both ? [""] : ["before", "after"]);
    for (const button of this.element.querySelectorAll("[data-levels]")) {
      button.setAttribute("aria-pressed", String(button.dataset.levels === `${levels ?? ""}`));
    }
    this.element.querySelector("[data-split]").setAttribute("aria-pressed", String(split));
  }

  setGraphs(parts, names) {
    const same = this.graphs.length === parts.length;
    if (!same) this.removeGraphs();
    this.parts = parts;
    // A graph measures its pane at once, so that all panes come first.
    const panes = same ? [] : names.map((name) => this.newPane(name));
    parts.forEach((part, n) => {
      const graph = { title: this.data.title, nodes: part.nodes, edges: part.edges };
      if (same) this.graphs[n].setDocument(graph, { keep: true });
      else this.graphs.push(this.newGraph(panes[n], graph, names[n]));
      this.graphs[n].mark(part);
      this.showChange(n);
    });
    if (!same && parts.length === 2) this.joinGraphs();
  }

  newPane(name) {
    const pane = this.page.createElement("div");
    pane.className = "ari-tl-pane";
    pane.innerHTML = name ? `<span>${name}</span>` : "";
    return this.graphsPart.appendChild(pane);
  }

  newGraph(pane, graph, name) {
    const { theme, page = null } = this.options;
    return mount(pane, graph, { height: "100%", theme, page, toolbar: !name, detail: !name, minimap: !name });
  }

  /** Bring what changes into sight: a neighbourhood as a whole, if it can be read then. */
  showChange(n) {
    const { came, went, nodes, number } = this.parts[n];
    const root = number.get(`${this.data.steps[this.at - 1]?.root}`);
    const centre = root ?? [...came, ...went].find((node) => nodes[node].kind === "op") ?? null;
    if (this.levels !== null) this.graphs[n].first(centre);
    else if (centre !== null) this.graphs[n].reveal(centre);
  }

  /** What is chosen or pointed at in one graph is so in the other. */
  joinGraphs() {
    let busy = false;
    const follow = (act) => (n) => (node) => {
      if (busy) return;
      busy = true;
      const matching = matchingNodes(this.parts[n], this.parts[1 - n]);
      const other = node === null ? null : matching[node] ?? -1;
      act(this.graphs[1 - n], other === -1 ? null : other);
      busy = false;
    };
    const select = follow((graph, node) => graph.select(node, { show: false }));
    const hover = follow((graph, node) => graph.hover(node));
    this.graphs.forEach((graph, n) => {
      graph.onSelect(select(n));
      graph.element.addEventListener("pointermove", () => hover(n)(graph.hovered));
      graph.element.addEventListener("pointerleave", () => hover(n)(null));
    });
  }

  removeGraphs() {
    for (const graph of this.graphs) graph.destroy();
    this.graphs = [];
    this.graphsPart.textContent = "";
  }

  // ---- what people do ----

  on(target, name, act) {
    target.addEventListener(name, act);
    this.ends.push(() => target.removeEventListener(name, act));
  }

  listen() {
    this.on(this.element, "click", (event) => this.clicked(event));
    this.on(this.element, "keydown", (event) => this.pressed(event));
    this.on(this.stripPart, "pointerdown", (event) => {
      this.play(false);
      this.stripPart.setPointerCapture(event.pointerId);
      this.goTo(this.placeOfPointer(event));
    });
    this.on(this.stripPart, "pointermove", (event) => {
      if (this.stripPart.hasPointerCapture?.(event.pointerId)) this.goTo(this.placeOfPointer(event));
      else this.stripPart.title = this.titleOf(this.placeOfPointer(event));
    });
    const sizes = new this.window.ResizeObserver(() => this.resized());
    sizes.observe(this.stripPart);
    this.ends.push(() => sizes.disconnect(), () => this.play(false));
  }

  titleOf(place) {
    const step = this.data.steps[place - 1];
    return step ? `${place}: ${this.data.rules[step.rule].name}\n${step.before ?? ""} → ${step.after ?? ""}` : "";
  }

  resized() {
    this.element.classList.toggle("ari-tl-narrow", this.element.clientWidth < 760);
    this.drawStrip();
  }

  clicked(event) {
    const target = event.target.closest("[data-move],[data-levels],[data-split],[data-rule]");
    if (!target) return;
    const { move, levels, split, rule } = target.dataset;
    if (move) this.move(move);
    else if (levels !== undefined) this.setLevels(levels ? Number(levels) : null);
    else if (split !== undefined) this.setSplit(!this.split);
    else {
      this.play(false);
      const next = nextOfRule(this.data, Number(rule), this.at, event.shiftKey);
      if (next > 0) this.goTo(next);
    }
  }

  move(name) {
    if (name === "play") {
      this.play(!this.timer);
      return;
    }
    this.play(false);
    const places = { first: 0, back: this.at - 1, on: this.at + 1, last: this.count + 1 };
    this.goTo(places[name]);
  }

  setLevels(levels) {
    this.levels = levels;
    this.drawGraphs();
    if (levels === null) for (const n of this.graphs.keys()) this.showChange(n);
  }

  setSplit(split) {
    this.split = split;
    this.drawGraphs();
  }

  play(on) {
    this.window.clearInterval(this.timer);
    this.timer = 0;
    if (on) {
      if (this.at > this.count) this.goTo(0);
      this.timer = this.window.setInterval(() => {
        this.goTo(this.at + 1);
        if (this.at > this.count) this.play(false);
      }, this.options.playMs ?? PLAY_MS);
    }
    const button = this.element.querySelector("[data-move=play]");
    button.setAttribute("aria-pressed", String(Boolean(on)));
    button.querySelector("path").setAttribute("d", on ? PAUSE : MOVES.play[0]);
  }

  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input,select")) return;
    const far = Math.max(Math.round(this.count / 20), 5);
    const moves = {
      ArrowLeft: () => this.move("back"), ArrowRight: () => this.move("on"),
      PageUp: () => this.goTo(this.at - far), PageDown: () => this.goTo(this.at + far),
      Home: () => this.move("first"), End: () => this.move("last"), ",": () => this.move("back"), ".": () => this.move("on"),
      " ": () => this.move("play"), s: () => this.setSplit(!this.split), w: () => this.setLevels(this.levels === null ? LEVELS : null),
    };
    const onButton = event.key === " " && event.target.closest("button");
    if (!moves[event.key] || onButton) return;
    moves[event.key]();
    event.preventDefault();
    // A notebook would take the same keys for its own commands.
    event.stopPropagation();
  }

  destroy() {
    for (const end of this.ends) end();
    this.removeGraphs();
    this.element.remove();
  }
}

/** Show a timeline in an element of a page; returns the handle by which to steer it. */
export function mountTimeline(root, data, options = {}) {
  const timeline = new Timeline(root, data, options);
  return {
    element: timeline.element,
    get place() {
      return timeline.at;
    },
    goTo: (place) => timeline.goTo(place),
    setSplit: (split) => timeline.setSplit(split),
    setLevels: (levels) => timeline.setLevels(levels),
    play: (on) => timeline.play(on),
    destroy: () => timeline.destroy(),
  };
}
