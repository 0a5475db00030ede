/** The graph explorer: a document as a graph to look at, fold, search and ask. */

import { explorerMarkup, fillSelect } from "./bar.js";
import { detailMarkup, helpMarkup, hitsMarkup } from "./detail.js";
import { pageSource, saveGraph } from "./files.js";
import { boxesAround, foldingOf, linksOf, opened, reached, searchNodes, startOf, visibleGraph } from "./fold.js";
import { PALETTES, shortNumber } from "./glyphs.js";
import { paintScene } from "./paint.js";
import { buildScene, countOf, neighbourOf, nodesOf } from "./scene.js";
import { GraphStage } from "./stage.js";
import { escapeText } from "./svg.js";
import { followTheme } from "./theme.js";

const MANY_NODES = 300;
const HEIGHT = 480;
const ZOOM_STEP = 1.25;
const NARROW = 700;
const TIGHT = 980;

const WAYS = {
  ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right",
  k: "up", j: "down", h: "left", l: "right",
};
const KEYS = {
  f: "fit", "+": "larger", "=": "larger", "-": "smaller", e: "labels", d: "detail", "?": "help",
  "/": "search", o: "toggle", O: "toggle", Escape: "leave",
};

const PARTS = {
  bar: ".ari-bar", title: ".ari-title", count: ".ari-count", input: "input", found: ".ari-found",
  grouping: "[data-act=grouping]", heats: "[data-act=heat]", hitList: ".ari-hits",
  menu: ".ari-menu .ari-drop", scaleText: ".ari-scale", area: ".ari-view", heatBox: ".ari-heat",
  detail: ".ari-detail", help: ".ari-help", live: ".ari-live",
};

/** One explorer on a page. */
class GraphExplorer {
  constructor(root, graph, options) {
    const begun = performance.now();
    this.options = options;
    this.page = root.ownerDocument;
    this.window = this.page.defaultView;
    this.source = pageSource(this.page, options);
    this.element = this.page.createElement("div");
    this.element.className = "ari-explorer";
    const { height = HEIGHT } = options;
    this.element.style.height = typeof height === "string" ? height : `${height}px`;
    this.element.innerHTML = explorerMarkup(options);
    root.appendChild(this.element);
    for (const [name, query] of Object.entries(PARTS)) this[name] = this.element.querySelector(query);
    this.callbacks = [];
    this.ends = [];
    this.labels = false;
    this.marks = {};
    this.stage = new GraphStage(this.area, {
      minimap: options.minimap,
      moved: () => this.moved(),
      clicked: (what) => this.clickedOn(what),
      tooltip: (item) => tooltipOf(this.graph.nodes[item.node], item),
    });
    this.setGraph(graph, startOf(graph, MANY_NODES));
    this.listen();
    this.ends.push(followTheme(this.element, options.theme, () => this.scene && this.repaint()));
    this.resized();
    this.refresh();
    this.placeFirst();
    this.element.dataset.readyMs = (performance.now() - begun).toFixed(1);
  }

  // ---- state ----

  setGraph(graph, start) {
    this.graph = graph;
    this.links = linksOf(graph);
    this.folding = start.folding;
    this.openBoxes = start.open;
    this.heat = start.heat;
    this.focusFirst = start.focus;
    this.chosen = null; // {node} or {box}
    this.hits = [];
    this.fillBar();
  }

  fillBar() {
    const { title = "", groupings = [], heats = [], nodes } = this.graph;
    this.element.dataset.total = nodes.length;
    this.area.setAttribute("aria-label", `Graph ${title}, ${countOf(nodes.length, "node")}`);
    if (!this.bar) return;
    this.title.textContent = title;
    this.title.title = title;
    this.input.value = "";
    this.found.textContent = "";
    this.hitList.hidden = true;
    this.grouping.parentElement.hidden = !groupings.length;
    this.heats.hidden = !heats.length;
    const boxed = groupings.map(({ name, label }) => ({ name, label: `by ${label ?? name}` }));
    fillSelect(this.grouping, "no boxes", boxed, this.folding.name);
    fillSelect(this.heats, "no heat", heats, this.heat);
  }

  get palette() {
    return PALETTES[this.element.dataset.theme] ?? PALETTES.light;
  }

  get warmth() {
    return (this.graph.heats ?? []).find((one) => one.name === this.heat);
  }

  /** The number of the chosen item in the scene, or -1. */
  get chosenItem() {
    if (!this.chosen) return -1;
    if (this.chosen.node !== undefined) return this.scene.itemOf[this.chosen.node];
    return this.scene.items.findIndex((item) => item.box === this.chosen.box);
  }

  get selected() {
    return this.chosen?.node ?? null;
  }

  // ---- drawing ----

  /** Fold, lay out, paint and draw. */
  refresh() {
    const visible = visibleGraph(this.graph, this.folding, this.openBoxes);
    this.scene = buildScene(this.graph, this.folding, visible);
    const [shown, all] = [this.scene.items.length, this.graph.nodes.length];
    this.element.dataset.nodes = shown;
    if (this.bar) {
      this.count.textContent = shown === all ? countOf(all, "node") : `${shown} of ${all} nodes`;
      const boxes = this.folding.boxes.length;
      this.button("unfold").disabled = !boxes || this.openBoxes.size === boxes;
      this.button("fold").disabled = !boxes || !this.openBoxes.size;
    }
    this.repaint();
  }

  /** Colours anew, places kept. */
  repaint() {
    const item = this.chosenItem;
    const chosen = item < 0 ? [] : this.chosen.node !== undefined ? [this.chosen.node] : nodesOf(this.folding, this.scene.items[item]);
    const reach = (upward) => reached(this.graph, this.links, chosen, upward);
    this.paint = paintScene(this.graph, this.scene, this.palette, {
      chosen: item,
      here: new Set(chosen),
      up: reach(true),
      down: reach(false),
      heat: this.warmth,
      hits: this.hits,
      ...this.marks,
    });
    this.drawHeat(this.warmth);
    this.stage.show(this.scene, this.paint, this.palette, this.labels);
    this.element.dataset.renderer = this.stage.renderer;
  }

  drawHeat(heat) {
    this.heatBox.hidden = !heat;
    if (!heat) return;
    const { low, high } = this.paint.warm;
    const unit = heat.unit ? ` (${escapeText(heat.unit)})` : "";
    this.heatBox.innerHTML =
      `${escapeText(heat.label ?? heat.name)}${unit}` +
      `<i style="background:linear-gradient(to right,${this.palette.heat.join(",")})"></i>` +
      `<span><b>${shortNumber(low)}</b><b>${shortNumber(high)}</b></span>`;
  }

  moved() {
    const { scale } = this.stage.view;
    this.element.dataset.scale = scale.toFixed(3);
    if (this.bar) this.scaleText.textContent = `${Math.round(scale * 100)} %`;
  }

  /** The lowest output, of several the middle one; a graph too large for one view starts there. */
  lowestOutput() {
    const { items } = this.scene;
    const holds = (item) => nodesOf(this.folding, item).some((node) => this.graph.nodes[node].of_output);
    let found = items.filter((item) => item.look.startsWith("out"));
    if (!found.length) found = items.filter((item) => item.box >= 0 && holds(item));
    const aside = (item) => Math.abs(item.x - this.scene.width / 2);
    return found.sort((a, b) => b.y - a.y || aside(a) - aside(b))[0] ?? null;
  }

  placeFirst() {
    this.stage.first(this.lowestOutput());
    if (this.focusFirst !== null) this.focus(this.focusFirst);
  }

  // ---- folding ----

  /** Do something to the boxes and keep a part of the graph where it is on the screen. */
  change(action, anchor) {
    const before = this.placeOf(anchor);
    action();
    this.refresh();
    const after = this.placeOf(anchor);
    if (before && after) this.stage.shift(before[0] - after[0], before[1] - after[1]);
    else this.stage.look(this.stage.view.scale, this.lowestOutput());
    this.stage.fadeIn();
  }

  /** Where a node is, or a box's top left corner. */
  placeOf(anchor) {
    if (!anchor) return null;
    const frame = this.scene.frames.find((one) => one.box === anchor.box);
    if (frame) return [frame.x, frame.y];
    const item = this.scene.items.find((one) => one.box >= 0 && one.box === anchor.box);
    if (item) return [item.x - item.width / 2, item.y - item.height / 2];
    const holder = this.scene.items[this.scene.itemOf[anchor.node]];
    return holder ? [holder.x, holder.y] : null;
  }

  /** What should stay where it is: the choice, or what is in the middle. */
  anchor() {
    if (this.chosen?.node !== undefined) return this.chosen;
    const item = this.stage.middleItem();
    return item && { node: nodesOf(this.folding, item)[0] };
  }

  toggle(box) {
    this.change(() => {
      if (!this.openBoxes.delete(box)) this.openBoxes.add(box);
    }, { box });
    this.showDetail(false);
  }

  open(grouping, boxes = "none") {
    const anchor = this.anchor();
    if (this.chosen?.box !== undefined) this.choose(null);
    this.change(() => {
      this.folding = foldingOf(this.graph, grouping);
      this.openBoxes = opened(this.folding, boxes);
      if (this.bar) this.grouping.value = this.folding.name ?? "";
    }, anchor);
    this.showDetail(false);
  }

  openOrFold(all) {
    this.change(() => (this.openBoxes = opened(this.folding, all ? "all" : "none")), this.anchor());
  }

  // ---- choice ----

  /** Choose {node}, {box} or null, and tell those who asked. */
  choose(chosen) {
    const before = this.selected;
    this.chosen = chosen;
    if (chosen) this.element.dataset.selected = chosen.node ?? `box ${chosen.box}`;
    else delete this.element.dataset.selected;
    if (this.selected !== before) for (const callback of this.callbacks) callback(this.selected);
  }

  /** Choose and show: a node's number, {box} or null. */
  select(what) {
    const chosen = typeof what === "number" ? { node: what } : what;
    if (chosen?.node !== undefined && !(chosen.node in this.graph.nodes)) return;
    this.choose(chosen);
    this.repaint();
    this.showDetail(true);
  }

  selectItem(item) {
    this.select(item && (item.box < 0 ? item.node : { box: item.box }));
  }

  /** Select a node, open the boxes around it and bring it to the middle. */
  focus(id) {
    if (!(id in this.graph.nodes)) return;
    const around = boxesAround(this.folding, this.folding.of[id]);
    if (around.some((box) => !this.openBoxes.has(box))) {
      for (const box of around) this.openBoxes.add(box);
      this.refresh();
    }
    this.select(id);
    this.stage.centre(this.scene.items[this.chosenItem], true);
  }

  /** Fill the panel; with `show` it opens unless it was closed by hand. */
  showDetail(show) {
    if (this.options.detail === false) return;
    const { graph, links, folding, chosen, openBoxes } = this;
    this.detail.innerHTML = detailMarkup(graph, links, folding, chosen, openBoxes);
    this.detail.scrollTop = 0;
    this.live.textContent = this.detail.querySelector("h3")?.textContent ?? "";
    if (!chosen) this.detailShown(false);
    else if (show && !this.closed) this.detailShown(true);
  }

  detailShown(shown) {
    if (this.detail.hidden !== shown) return;
    this.detail.hidden = !shown;
    this.button("detail")?.setAttribute("aria-pressed", String(shown));
    this.stage.measure();
    const item = this.scene.items[this.chosenItem];
    if (item && shown) this.stage.centre(item, false);
    this.stage.redrawSoon();
  }

  // ---- search ----

  search(text) {
    this.hits = searchNodes(this.graph, text);
    this.hitAt = -1;
    this.found.textContent = text ? String(this.hits.length || "none") : "";
    this.hitList.innerHTML = hitsMarkup(this.graph, this.hits);
    this.hitList.hidden = !this.hits.length;
    this.repaint();
  }

  /** Go to the next (1) or previous (-1) hit. */
  goToHit(step) {
    const count = this.hits.length;
    if (!count) return;
    this.hitAt = this.hitAt < 0 && step < 0 ? count - 1 : (this.hitAt + step + count) % count;
    this.found.textContent = `${this.hitAt + 1} of ${count}`;
    this.hitList.hidden = true;
    this.focus(this.hits[this.hitAt]);
  }

  leaveSearch() {
    this.input.value = "";
    this.search("");
    this.area.focus();
  }

  // ---- events ----

  on(target, name, action) {
    target.addEventListener(name, action);
    this.ends.push(() => target.removeEventListener(name, action));
  }

  listen() {
    this.on(this.element, "click", (event) => this.clicked(event));
    this.on(this.element, "keydown", (event) => this.pressed(event));
    if (this.bar) {
      this.on(this.grouping, "change", () => this.open(this.grouping.value || null));
      this.on(this.heats, "change", () => this.setHeat(this.heats.value || null));
      this.on(this.input, "input", () => this.search(this.input.value));
      this.on(this.input, "focus", () => (this.hitList.hidden = !this.hits.length));
    }
    const sizes = new this.window.ResizeObserver(() => this.resized());
    sizes.observe(this.area);
    this.ends.push(() => sizes.disconnect());
  }

  resized() {
    const width = this.element.clientWidth;
    this.element.classList.toggle("ari-narrow", width < NARROW);
    this.element.classList.toggle("ari-tight", width < TIGHT);
    const [wide, before] = [this.stage.size().width, this.seen];
    const seen = this.stage.measure();
    this.seen ||= seen;
    if (!this.scene || !seen) return;
    if (!before) this.placeFirst();
    // What was in the middle stays there.
    else this.stage.shift((this.stage.size().width - wide) / 2 / this.stage.view.scale, 0);
  }

  button(action) {
    return this.element.querySelector(`button[data-act="${action}"]`);
  }

  /** A click on a button, a hit or a link. */
  clicked(event) {
    const target = event.target.closest("button");
    if (!event.target.closest(".ari-menu")) this.menuShown(false);
    if (!event.target.closest(".ari-search") && this.bar) this.hitList.hidden = true;
    if (!target) return;
    const { act, hit, go, box } = target.dataset;
    if (hit !== undefined) {
      this.hitAt = this.hits.indexOf(Number(hit)) - 1;
      this.goToHit(1);
    } else if (go !== undefined) this.focus(Number(go));
    else if (box !== undefined) this.toggle(Number(box));
    else this.act(act);
    // The button is gone if it stood in the panel or the list; keys must still be heard.
    if (!target.isConnected) this.area.focus({ preventScroll: true });
  }

  /** A click on the graph. */
  clickedOn({ item, box, onButton, double }) {
    if (item?.box >= 0 && onButton !== double) this.toggle(item.box);
    else if (double) return;
    else if (item) this.selectItem(item);
    else if (box >= 0) this.toggle(box);
    else if (this.chosen) this.select(null);
  }

  /** Do what a button or a key is for. */
  act(name) {
    if (name === "smaller") this.stage.zoom(1 / ZOOM_STEP);
    else if (name === "larger") this.stage.zoom(ZOOM_STEP);
    else if (name === "fit") this.stage.fit(this.lowestOutput());
    else if (name === "unfold") this.openOrFold(true);
    else if (name === "fold") this.openOrFold(false);
    else if (name === "labels") this.setLabels(!this.labels);
    else if (name === "help") this.helpShown(this.help.hidden);
    else if (name === "export") this.menuShown(this.menu.hidden);
    else if (name === "detail") this.flipDetail();
    else if (name === "search") this.input?.focus();
    else if (name === "toggle") this.toggleChosen();
    else if (name === "leave") this.leave();
    else if (name?.startsWith("save-")) this.save(name.slice(5));
  }

  flipDetail() {
    if (this.options.detail === false) return;
    this.closed = !this.detail.hidden;
    this.showDetail(false);
    this.detailShown(!this.closed);
  }

  setLabels(on) {
    this.labels = on;
    this.button("labels")?.setAttribute("aria-pressed", String(on));
    this.repaint();
  }

  setHeat(name) {
    this.heat = name;
    if (this.bar) this.heats.value = name ?? "";
    this.repaint();
  }

  helpShown(shown) {
    this.help.innerHTML = shown ? helpMarkup(this.palette, this.scene) : "";
    this.help.hidden = !shown;
    this.button("help")?.setAttribute("aria-expanded", String(shown));
  }

  menuShown(shown) {
    if (!this.menu || this.menu.hidden !== shown) return;
    this.menu.hidden = !shown;
    this.button("export").setAttribute("aria-expanded", String(shown));
    this.button("save-html").hidden = !this.source;
  }

  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const inText = event.target === this.input;
    const done = inText ? this.searchKey(event) : event.target.tagName !== "SELECT" && this.key(event);
    if (done) event.preventDefault();
    // A notebook would take the same keys for its own commands.
    if (done || inText) event.stopPropagation();
  }

  searchKey({ key, shiftKey }) {
    if (key === "Enter") this.goToHit(shiftKey ? -1 : 1);
    else if (key === "Escape") this.leaveSearch();
    else if (key === "ArrowDown") this.hitList.querySelector("button")?.focus();
    else return false;
    return true;
  }

  key({ key, target }) {
    const onList = target.closest(".ari-drop,.ari-detail") && key.startsWith("Arrow");
    if (WAYS[key] && !onList) this.step(WAYS[key]);
    else if (KEYS[key]) this.act(KEYS[key]);
    else return false;
    return true;
  }

  leave() {
    if (!this.help.hidden) this.helpShown(false);
    else if (this.menu && !this.menu.hidden) this.menuShown(false);
    else if (this.hits.length) this.leaveSearch();
    else if (this.chosen) this.select(null);
    else this.area.blur();
  }

  /** Move the choice along an edge or a row. */
  step(way) {
    const { items } = this.scene;
    const from = this.chosenItem;
    const next = from < 0 ? (this.lowestOutput() ?? items[0]) : items[neighbourOf(this.scene, from, way)];
    if (!next) return;
    this.selectItem(next);
    this.stage.centre(next, false);
  }

  /** Open the chosen box, or fold the innermost one around the chosen node. */
  toggleChosen() {
    const box = this.chosen?.box ?? this.folding.of[this.chosen?.node] ?? -1;
    if (box >= 0) this.toggle(box);
  }

  save(format) {
    this.menuShown(false);
    const plain = { chosen: -1, heat: this.warmth, ...this.marks };
    const { graph, scene, palette, labels, source, page } = this;
    const paint = paintScene(graph, scene, palette, plain);
    saveGraph(page, format, { title: graph.title ?? "", scene, paint, palette, labels, source });
  }

  // ---- other documents ----

  /** Show another document; with `keep` what was looked at stays in place, known by its key. */
  setDocument(graph, keep) {
    const ids = new Map(graph.nodes.map((node, id) => [node.key, id]));
    const follow = (id) => ids.get(this.graph.nodes[id]?.key ?? Symbol("none"));
    const anchor = keep ? this.anchor() : null;
    const before = this.placeOf(anchor);
    const anchored = anchor ? follow(anchor.node) : undefined;
    const chosen = keep ? follow(this.selected) : undefined;
    const was = this.selected;
    const start = keep ? keptStart(this, graph) : startOf(graph, MANY_NODES);
    this.marks = {};
    this.setGraph(graph, start);
    this.chosen = was === null ? null : { node: was };
    this.choose(chosen === undefined ? null : { node: chosen });
    this.refresh();
    const after = anchored === undefined ? null : this.placeOf({ node: anchored });
    if (before && after) this.stage.shift(before[0] - after[0], before[1] - after[1]);
    else if (!keep) this.placeFirst();
    this.showDetail(false);
  }

  mark({ came = [], went = [], origin = null }) {
    this.marks = { came: new Set(came), went: new Set(went), origin };
    this.repaint();
  }

  destroy() {
    for (const end of this.ends) end();
    this.stage.destroy();
    this.element.remove();
  }
}

function tooltipOf(node, item) {
  if (!node) return `${item.name}\n${item.small}`;
  return [item.name + item.label, node.type, node.doc, node.where, node.line].filter(Boolean).join("\n");
}

/** How another document is shown first if as much as can be stays as it was. */
function keptStart({ folding, openBoxes, heat }, graph) {
  const known = (graph.groupings ?? []).some((one) => one.name === folding.name);
  if (!known && folding.name !== null) return startOf(graph, MANY_NODES);
  const next = foldingOf(graph, folding.name);
  const labels = (of, box) => boxesAround(of, box).map((one) => of.boxes[one].label).join("\n");
  const names = new Set([...openBoxes].map((box) => labels(folding, box)));
  const open = [...next.boxes.keys()].filter((box) => names.has(labels(next, box)));
  return { folding: next, open: new Set(open), heat, focus: null };
}

/** Show a document's graph in an element of a page; returns the handle by which to steer it. */
export function mount(root, document, options = {}) {
  const explorer = new GraphExplorer(root, document, options);
  return {
    element: explorer.element,
    get selected() {
      return explorer.selected;
    },
    get hovered() {
      return explorer.scene.items[explorer.stage.hovered]?.node ?? null;
    },
    select: (id, how) => explorer.select(id, how),
    hover: (id) => explorer.stage.hover(id === null ? -1 : explorer.scene.itemOf[id] ?? -1),
    first: (id) => explorer.stage.first(explorer.scene.items[explorer.scene.itemOf[id]]),
    reveal: (id) => explorer.stage.centre(explorer.scene.items[explorer.scene.itemOf[id]], false),
    onSelect: (callback) => explorer.callbacks.push(callback),
    setDocument: (next, { keep = false } = {}) => explorer.setDocument(next, keep),
    mark: (marks) => explorer.mark(marks),
    setHeat: (name) => explorer.setHeat(name),
    open: (grouping, boxes) => explorer.open(grouping, boxes),
    focus: (id) => explorer.focus(id),
    destroy: () => explorer.destroy(),
  };
}
