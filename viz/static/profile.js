/** The page of a profile: what time was spent on, a table, an icicle, memory, graphs with heat. */

import { mount } from "./explorer.js";
import { PROFILE_COLUMNS, aliveAt, branchesTo, bytesText, icicleBoxes, layerPath, memoryLayers, nanosText, percentText, profileCell, sortedRows } from "./profile_parts.js";
import { restoredDocument } from "./squeeze.js";
import { escapeText } from "./svg.js";
import { followTheme } from "./theme.js";

const PROFILE_TABS = { table: "Table", icicle: "Icicle", memory: "Memory", graph: "Graph" };
const PROFILE_ORDERS = { time: "time", calls: "calls", memory: "bytes" };
const ICICLE_ROW = 27;
const CHART_WIDTH = 1000;
const CHART_HEIGHT = 200;

function summaryMarkup({ summary, whole, wall, calls }) {
  const parts = summary.map(
    ([kind, ns]) => `<i data-kind="${kind}" style="flex:${Math.max(ns, 0)} 0 0" title="${kind}: ${nanosText(ns)}, ${percentText(ns / whole)}"></i>`,
  );
  const keys = summary.map(
    ([kind, ns]) => `<span><i data-kind="${kind}"></i>${kind} <b>${nanosText(ns)}</b> <small>${percentText(ns / whole)}</small></span>`,
  );
  return `<div class="ari-pf-head"><b>${nanosText(wall)}</b><span class="ari-pf-soft">${calls} call${calls === 1 ? "" : "s"} of compiled functions</span></div>
<div class="ari-pf-bar">${parts.join("")}</div><div class="ari-pf-keys">${keys.join("")}</div>`;
}

function choiceMarkup(name, entries, chosen) {
  const options = entries.map(([value, text]) => `<option value="${escapeText(String(value))}">${escapeText(text)}</option>`);
  return `<select data-choice="${name}" aria-label="${name}">${options.join("").replace(`value="${chosen}"`, `value="${chosen}" selected`)}</select>`;
}

function rowMarkup(row, whole, widest) {
  const cells = PROFILE_COLUMNS.map((column) => {
    const text = escapeText(profileCell(column, row, whole));
    if (column.key === "share") {
      return `<td class="ari-pf-share"><i data-kind="${row.kind}" style="width:${(44 * Math.max(row.ns, 0)) / widest}px"></i>${text}</td>`;
    }
    if (column.key === "peak" && row.bound) {
      const part = Math.min((row.peak ?? 0) * 100, 100);
      return `<td class="ari-pf-peak"><span><i data-bound="${row.bound}" style="width:${part}%"></i></span>${text}</td>`;
    }
    return `<td class="ari-pf-${column.number ? "number" : column.key}">${text}</td>`;
  });
  const title = [row.name, row.detail, row.where, row.function && `in ${row.function}`].filter(Boolean).join("\n");
  return `<tr title="${escapeText(title)}">${cells.join("")}</tr>`;
}

/** One profile on a page. */
class ProfilePage {
  constructor(root, data, options) {
    this.page = root.ownerDocument;
    this.window = this.page.defaultView;
    this.data = data;
    this.options = options;
    this.by = options.by ?? "line";
    this.order = { key: PROFILE_ORDERS[options.sort] ?? "time", descending: true };
    this.limit = options.top ?? 20;
    this.path = [];
    this.plan = 0;
    this.graph = 0;
    this.element = this.page.createElement("div");
    this.element.className = "ari-profile";
    this.element.style.height = typeof options.height === "string" ? options.height : `${options.height ?? 560}px`;
    this.element.innerHTML = `${summaryMarkup(data)}<div class="ari-pf-tabs" role="tablist">${this.tabsMarkup()}</div><div class="ari-pf-body"></div>`;
    root.appendChild(this.element);
    this.body = this.element.querySelector(".ari-pf-body");
    this.tip = this.page.createElement("div");
    this.tip.className = "ari-pf-tip";
    this.tip.hidden = true;
    this.element.appendChild(this.tip);
    followTheme(this.element, options.theme);
    this.listen();
    this.show(options.view in PROFILE_TABS && this.has(options.view) ? options.view : "table");
    this.element.dataset.ready = "1";
  }

  has(tab) {
    return tab === "table" || tab === "icicle" || Boolean((tab === "memory" ? this.data.memory : this.data.graphs)?.length);
  }

  tabsMarkup() {
    const tabs = Object.entries(PROFILE_TABS).filter(([tab]) => this.has(tab));
    return tabs.map(([tab, text]) => `<button type="button" role="tab" data-tab="${tab}" aria-selected="false">${text}</button>`).join("");
  }

  listen() {
    this.element.addEventListener("click", (event) => this.clicked(event));
    this.element.addEventListener("change", (event) => this.chosen(event.target));
    this.element.addEventListener("pointermove", (event) => this.moved(event));
    this.element.addEventListener("pointerleave", () => (this.tip.hidden = true));
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.tab === "icicle") this.zoom(this.path.slice(0, -1));
      if (event.key === "Enter" && event.target.matches("th,[data-path]")) event.target.click();
    });
  }

  clicked({ target }) {
    const tab = target.closest("[data-tab]");
    if (tab) return this.show(tab.dataset.tab);
    const column = target.closest("th[data-column]");
    if (column) return this.sort(column.dataset.column);
    if (target.closest("[data-more]")) return this.showAll();
    const box = target.closest("[data-path]");
    if (box) this.zoom(box.dataset.path === "" ? [] : box.dataset.path.split(".").map(Number));
    return undefined;
  }

  chosen({ dataset, value }) {
    if (dataset.choice === "by") this.by = value;
    if (dataset.choice === "plan") this.plan = Number(value);
    if (dataset.choice === "graph") this.graph = Number(value);
    this.show(this.tab);
  }

  show(tab) {
    this.tab = tab;
    this.tip.hidden = true;
    for (const button of this.element.querySelectorAll("[data-tab]")) {
      button.setAttribute("aria-selected", String(button.dataset.tab === tab));
    }
    this.explorer?.destroy();
    this.explorer = null;
    this.body.dataset.view = tab;
    ({ table: () => this.drawTable(), icicle: () => this.drawIcicle(), memory: () => this.drawMemory(), graph: () => this.drawGraph() })[tab]();
  }

  // ---- table ----

  drawTable() {
    const { data, by, order, limit } = this;
    const rows = sortedRows(data.tables[by], order.key, order.descending);
    const widest = Math.max(...rows.map((row) => row.ns), 1);
    const head = PROFILE_COLUMNS.map(({ key, title, number }) => {
      const sorted = key === order.key ? ` aria-sort="${order.descending ? "descending" : "ascending"}"` : "";
      return `<th data-column="${key}" tabindex="0"${number ? ' class="ari-pf-number"' : ""}${sorted}>${title}</th>`;
    });
    const ways = Object.keys(data.tables).map((way) => [way, `by ${way}`]);
    const more = rows.length > limit ? `<button type="button" data-more="1">show all ${rows.length} rows</button>` : "";
    const notes = data.notes.map((note) => `<p>${escapeText(note)}</p>`);
    this.body.innerHTML = `<div class="ari-pf-tools">${choiceMarkup("by", ways, by)}<span class="ari-pf-soft">a kernel's time is shared out to its lines and ops; the rows sum up to the block</span></div>
<table><thead><tr>${head.join("")}</tr></thead><tbody>${rows.slice(0, limit).map((row) => rowMarkup(row, data.whole, widest)).join("")}</tbody></table>${more}<div class="ari-pf-notes">${notes.join("")}</div>`;
  }

  sort(key) {
    const { number } = PROFILE_COLUMNS.find((column) => column.key === key);
    this.order = { key, descending: this.order.key === key ? !this.order.descending : number };
    this.drawTable();
  }

  showAll() {
    this.limit = Infinity;
    this.drawTable();
  }

  // ---- icicle ----

  drawIcicle() {
    const { data, path } = this;
    const above = branchesTo(data.icicle, path);
    const shown = above[above.length - 1];
    const boxes = icicleBoxes(shown, 0.0015);
    const crumbs = above.map((branch, depth) => `<button type="button" data-path="${path.slice(0, depth).join(".")}">${escapeText(branch.name)}</button>`);
    const depth = Math.max(...boxes.map((box) => box.depth)) + 1;
    const drawn = boxes.map(({ branch, depth: row, start, end, path: inner }) => {
      const place = `left:${(100 * start).toFixed(3)}%;width:${(100 * (end - start)).toFixed(3)}%;top:${row * ICICLE_ROW}px`;
      const to = [...path, ...inner].join(".");
      const text = end - start > 0.02 ? `<span>${escapeText(branch.name)} <small>${nanosText(branch.ns)}</small></span>` : "";
      return `<div data-kind="${branch.kind}" data-path="${to}" tabindex="0" style="${place}">${text}</div>`;
    });
    this.body.innerHTML = `<div class="ari-pf-tools">${crumbs.join("<em>›</em>")}<span class="ari-pf-soft">click to look closer, Escape to go back</span></div><div class="ari-pf-icicle" style="height:${depth * ICICLE_ROW}px">${drawn.join("")}</div>`;
  }

  zoom(path) {
    const to = branchesTo(this.data.icicle, path);
    this.path = to[to.length - 1].children?.length ? path : path.slice(0, -1);
    this.drawIcicle();
  }

  // ---- memory ----

  drawMemory() {
    const plan = this.data.memory[this.plan];
    const floor = new Array(plan.steps.length).fill(0);
    const layers = memoryLayers(plan);
    const paths = layers.map(({ name, sizes }) => {
      const path = layerPath(floor, sizes, plan.peak, CHART_WIDTH, CHART_HEIGHT);
      sizes.forEach((size, n) => (floor[n] += size));
      return `<path data-role="${name}" d="${path}"/>`;
    });
    const scale = [1, 0.75, 0.5, 0.25, 0].map((part) => `<span style="top:${100 * (1 - part)}%">${bytesText(part * plan.peak)}</span>`);
    const plans = this.data.memory.map(({ title }, n) => [n, title]);
    const keys = layers.map(({ name }) => `<span><i data-role="${name}"></i>${name}</span>`);
    this.body.innerHTML = `<div class="ari-pf-tools">${choiceMarkup("plan", plans, this.plan)}<span>peak <b>${plan.bound ? "at most " : ""}${bytesText(plan.peak)}</b>, ${bytesText(plan.allocated)} of it allocated by the call</span><span class="ari-pf-keys">${keys.join("")}</span></div>
<div class="ari-pf-chart"><div class="ari-pf-scale">${scale.join("")}</div><div class="ari-pf-plot"><svg viewBox="0 0 ${CHART_WIDTH} ${CHART_HEIGHT}" preserveAspectRatio="none">${paths.join("")}</svg><i class="ari-pf-line"></i></div></div><div class="ari-pf-alive"></div>`;
    this.showStep(plan.peak_step);
  }

  /** The names of what is alive at a step of the chart. */
  showStep(step) {
    const plan = this.data.memory[this.plan];
    const alive = aliveAt(plan, step);
    const rows = alive.slice(0, 14).map(
      ({ name, role, bytes, type, where }) =>
        `<tr><td class="ari-pf-number">${bytesText(bytes)}</td><td><i data-role="${name.endsWith("not in use") ? "not in use" : role}"></i>${escapeText(name)}</td><td>${role}</td><td>${escapeText(type)}</td><td>${escapeText(where)}</td></tr>`,
    );
    const total = alive.reduce((sum, { bytes }) => sum + bytes, plan.more[step]);
    const line = this.body.querySelector(".ari-pf-line");
    line.style.left = `${(100 * (step + 0.5)) / plan.steps.length}%`;
    this.body.querySelector(".ari-pf-alive").innerHTML = `<p><b>${bytesText(total)}</b> at step ${step + 1} of ${plan.steps.length}${step === plan.peak_step ? ", the peak" : ""}: ${escapeText(plan.steps[step])}</p><table><tbody>${rows.join("")}</tbody></table>`;
  }

  // ---- graph ----

  drawGraph() {
    const { graphs } = this.data;
    const tools = graphs.length > 1 ? `<div class="ari-pf-tools">${choiceMarkup("graph", graphs.map(({ name }, n) => [n, name]), this.graph)}</div>` : "";
    this.body.innerHTML = `${tools}<div class="ari-pf-graph"></div>`;
    const { document } = graphs[this.graph];
    const options = { height: "100%", theme: this.options.theme, page: this.options.page };
    this.explorer = mount(this.body.querySelector(".ari-pf-graph"), restoredDocument(document), options);
  }

  // ---- pointer ----

  moved(event) {
    const plot = event.target.closest(".ari-pf-plot");
    if (plot) {
      const box = plot.getBoundingClientRect();
      const { steps } = this.data.memory[this.plan];
      const step = Math.floor(((event.clientX - box.left) / box.width) * steps.length);
      this.showStep(Math.min(Math.max(step, 0), steps.length - 1));
    }
    const part = this.tab === "icicle" && event.target.closest(".ari-pf-icicle [data-path]");
    this.tip.hidden = !part;
    if (part) this.showTip(part, event);
  }

  showTip(part, { clientX, clientY }) {
    const path = part.dataset.path === "" ? [] : part.dataset.path.split(".").map(Number);
    const all = branchesTo(this.data.icicle, path);
    const branch = all[all.length - 1];
    const within = all.length > 1 ? ` · ${percentText(branch.ns / all[all.length - 2].ns)} of ${escapeText(all[all.length - 2].name)}` : "";
    const rates = PROFILE_COLUMNS.filter(({ key }) => ["each", "gbs", "gflops", "peak"].includes(key))
      .map((column) => [column.title, profileCell(column, branch, this.data.whole)])
      .filter(([, text]) => text)
      .map(([title, text]) => `${title} ${escapeText(text)}`);
    const lines = [branch.detail, branch.where].filter(Boolean).map((text) => `<p>${escapeText(text)}</p>`);
    this.tip.innerHTML = `<b>${escapeText(branch.name)}</b><p>${nanosText(branch.ns)} · ${percentText(branch.ns / this.data.whole)} of the block${within}</p>${rates.length ? `<p>${rates.join(" · ")}</p>` : ""}${lines.join("")}`;
    const box = this.element.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.tip;
    this.tip.style.left = `${Math.min(clientX - box.left + 12, box.width - width - 8)}px`;
    this.tip.style.top = `${Math.max(Math.min(clientY - box.top + 16, box.height - height - 8), 4)}px`;
  }
}

/** Show a profile in an element of a page. */
export function mountProfile(root, data, options = {}) {
  const shown = new ProfilePage(root, data, options);
  return { element: shown.element, show: (tab) => shown.show(tab), zoom: (path) => shown.zoom(path) };
}
