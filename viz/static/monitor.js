// The live panel of a watch: the DOM, canvases and the stop button.
import { MONITOR_HEALTHY, histogramTitle, lineRuns, monitorDuration, monitorNumber, monitorRange, monitorTicks, newestOfValues, newestValue, suitsLogScale, takeHistograms, takeSamples } from "./monitor_model.js";

// A loop that is asked to stop has so long, in milliseconds, before the kernel is interrupted.
const STOP_PATIENCE = 5000;
const MOST_ROWS = 60;

/** An element with classes and a text. */
function monitorElement(tag, look, text) {
  const element = document.createElement(tag);
  if (look) element.className = look;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** A canvas's context for drawing in CSS pixels; null while it has no size. */
function cleared(canvas) {
  const { width, height } = canvas.getBoundingClientRect();
  if (!width || !height) return null;
  const scale = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/** The colours of the page, light or dark. */
function monitorColours(root) {
  const style = getComputedStyle(root);
  const read = (name) => style.getPropertyValue(name).trim();
  return {
    line: read("--monitor-line"), band: read("--monitor-band"), grid: read("--monitor-grid"),
    dim: read("--monitor-dim"), healthy: read("--monitor-healthy"), bad: read("--monitor-bad"),
  };
}

/** Draws lines through points, with gaps where there is no number. */
function strokeRuns(context, runs, colour, width) {
  context.strokeStyle = colour;
  context.fillStyle = colour;
  context.lineWidth = width;
  context.lineJoin = "round";
  for (const run of runs) {
    context.beginPath();
    run.forEach(([x, y], n) => (n ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.stroke();
    if (run.length === 1) context.fillRect(run[0][0] - 1, run[0][1] - 1, 2, 2);
  }
}

/** Where steps lie from left to right. */
function acrossScale(steps, left, width) {
  const first = steps[0];
  const span = Math.max(steps[steps.length - 1] - first, 1);
  return (step) => left + ((step - first) / span) * width;
}

/** The curve of a loss with its scale. */
function drawLoss(canvas, series, isLog, colours) {
  const area = cleared(canvas);
  if (!area || !series.steps.length) return;
  const { context, width, height } = area;
  const [left, right, top, bottom] = [52, width - 8, 8, height - 20];
  const heights = series.values.mean.map((value) => (isLog ? Math.log10(value) : value));
  const [low, high] = monitorRange(heights);
  const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - top);
  const x = acrossScale(series.steps, left, right - left);
  context.font = "10px sans-serif";
  context.textBaseline = "middle";
  for (const tick of monitorTicks(low, high, 4)) {
    context.fillStyle = colours.grid;
    context.fillRect(left, Math.round(y(tick)), right - left, 1);
    context.fillStyle = colours.dim;
    context.textAlign = "right";
    context.fillText(monitorNumber(isLog ? 10 ** tick : tick), left - 7, y(tick));
  }
  const last = series.steps[series.steps.length - 1];
  context.textAlign = "center";
  for (const tick of monitorTicks(series.steps[0], Math.max(last, series.steps[0] + 1), 6)) {
    if (Number.isInteger(tick)) context.fillText(tick.toLocaleString("en"), x(tick), bottom + 12);
  }
  strokeRuns(context, lineRuns(series.steps.map(x), heights.map(y)), colours.line, 1.8);
  const newest = heights[heights.length - 1];
  if (Number.isFinite(newest)) {
    context.beginPath();
    context.arc(x(last), y(newest), 2.6, 0, 7);
    context.fill();
  }
}

/** The mean as a line within a band from the least to the greatest value. */
function drawSpark(canvas, series, colours) {
  const area = cleared(canvas);
  if (!area || !series.steps.length) return;
  const { context, width, height } = area;
  const { mean, min, max } = series.values;
  const [low, high] = monitorRange(mean, min, max);
  const y = (value) => height - 1 - ((value - low) / (high - low)) * (height - 2);
  const x = acrossScale(series.steps, 1, width - 2);
  const places = series.steps.map((step, n) => n).filter((n) => Number.isFinite(min[n] + max[n]));
  context.fillStyle = colours.band;
  context.beginPath();
  places.forEach((n, k) => context[k ? "lineTo" : "moveTo"](x(series.steps[n]), y(max[n])));
  [...places].reverse().forEach((n) => context.lineTo(x(series.steps[n]), y(min[n])));
  context.fill();
  strokeRuns(context, lineRuns(series.steps.map(x), mean.map(y)), colours.line, 1.3);
}

/** The update over the value from 1e-6 to 1, with the healthy band shaded. */
function drawRatio(canvas, series, colours) {
  const area = cleared(canvas);
  if (!area) return;
  const { context, width, height } = area;
  const level = (value) => {
    const place = (Math.min(Math.max(Math.log10(value), -6), 0) + 6) / 6;
    return height - 1 - place * (height - 2);
  };
  const [bottom, top] = MONITOR_HEALTHY.map(level);
  context.fillStyle = colours.healthy;
  context.fillRect(0, top, width, bottom - top);
  const x = acrossScale(series.steps, 1, width - 2);
  const heights = series.values.ratio.map((value) => (value > 0 ? level(value) : NaN));
  strokeRuns(context, lineRuns(series.steps.map(x), heights), colours.line, 1.3);
}

/** How often the newest values lie where, as bars from the least to the greatest. */
function drawBars(canvas, { counts }, colours) {
  const area = cleared(canvas);
  if (!area) return;
  const { context, width, height } = area;
  const [step, unit] = [width / counts.length, (height - 1) / Math.max(...counts, 1)];
  context.fillStyle = colours.grid;
  context.fillRect(0, height - 1, width, 1);
  context.fillStyle = colours.line;
  counts.forEach((count, n) => context.fillRect(n * step, height - 1 - count * unit, step - 0.5, count * unit));
}

/** The columns of the table, and their heads. */
const MONITOR_COLUMNS = {
  name: "variable", value: "mean ± std", spark: "mean, min to max", bars: "values now", range: "min … max",
  gradient: "gradient", ratio: "update / value", nan: "NaN", inf: "Inf",
};

/** The cells of a variable's row, to be filled later. */
function makeRow(name) {
  const row = monitorElement("tr");
  const cells = {};
  for (const part of Object.keys(MONITOR_COLUMNS)) {
    cells[part] = monitorElement("td", `monitor-${part}`);
    row.append(cells[part]);
  }
  cells.name.textContent = name;
  cells.name.title = name;
  cells.sparkline = monitorElement("canvas");
  cells.spark.append(cells.sparkline);
  cells.histogram = monitorElement("canvas");
  cells.histogram.setAttribute("role", "img");
  cells.bars.append(cells.histogram);
  cells.ratioline = monitorElement("canvas");
  cells.ratioline.title = "the shaded band is where most training does well, about 1e-3";
  cells.ratiotext = monitorElement("span");
  cells.ratio.append(cells.ratioline, cells.ratiotext);
  return { row, cells };
}

/** Draws a variable's histogram and says in words what it shows. */
function fillBars(canvas, name, histogram, colours) {
  canvas.title = histogramTitle(name, histogram);
  canvas.setAttribute("aria-label", canvas.title);
  drawBars(canvas, histogram, colours);
}

/** Writes the newest numbers of a variable into its row and draws its lines. */
function fillRow(cells, series, colours) {
  const newest = (channel) => newestValue(series.values[channel]);
  const shown = (value) => (Number.isNaN(value) ? "" : monitorNumber(value, 3));
  const [mean, std, low, high] = ["mean", "std", "min", "max"].map((channel) => newestOfValues(series, channel));
  const first = Number.isNaN(mean) && newest("nan") > 0 ? "NaN" : shown(mean);
  cells.value.textContent = std > 0 ? `${first} ± ${shown(std)}` : first;
  cells.range.textContent = low === high || Number.isNaN(low) ? "" : `${shown(low)} … ${shown(high)}`;
  cells.gradient.textContent = shown(newest("gradient"));
  const ratio = newest("ratio");
  cells.ratio.classList.toggle("monitor-none", Number.isNaN(ratio));
  cells.ratiotext.textContent = Number.isNaN(ratio) ? "" : ratio.toExponential(1);
  for (const kind of ["nan", "inf"]) {
    const count = newest(kind);
    cells[kind].textContent = Number.isNaN(count) ? "" : String(count);
    cells[kind].classList.toggle("monitor-alarm", count > 0);
  }
  drawSpark(cells.sparkline, series, colours);
  if (!Number.isNaN(ratio)) drawRatio(cells.ratioline, series, colours);
}

/** A message of the control channel, which a kernel takes while a cell runs. */
function controlMessage(type, session) {
  const id = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
  const date = new Date().toISOString();
  const header = { msg_id: id, msg_type: type, session, username: "", version: "5.3", date };
  return { header, parent_header: {}, metadata: {}, content: {}, buffers: [], channel: "control" };
}

/** Asks the kernel to stop: on the control channel, by the widget's own message, at last rudely. */
function askToStop(model) {
  const kernel = model.widget_manager?.kernel;
  if (kernel?.sendControlMessage) {
    kernel.sendControlMessage(controlMessage(model.get("stop_message"), kernel.clientId), false);
  }
  model.set("asked_to_stop", true);
  model.save_changes();
  setTimeout(() => {
    if (model.get("state") === "running") kernel?.interrupt?.();
  }, STOP_PATIENCE);
}

/** The head of the panel: state, facts and the button. */
function monitorHead(model) {
  const head = monitorElement("div", "monitor-head");
  const state = monitorElement("span", "monitor-state", "running");
  const facts = monitorElement("span", "monitor-facts");
  const stop = monitorElement("button", "monitor-stop", "Stop");
  stop.title = "end the loop before its next step";
  stop.addEventListener("click", () => {
    stop.disabled = true;
    stop.textContent = "Stopping";
    askToStop(model);
  });
  head.append(state, facts, stop);
  return { head, state, facts, stop };
}

/** The chart of the loss with its title and the switch of its scale. */
function monitorChart(redraw) {
  const box = monitorElement("div", "monitor-chart");
  const title = monitorElement("span", "monitor-title");
  const value = monitorElement("span", "monitor-newest");
  const label = monitorElement("label", "monitor-log", "log scale");
  const toggle = monitorElement("input");
  toggle.type = "checkbox";
  let isChosen = false;
  toggle.addEventListener("change", () => {
    isChosen = true;
    redraw();
  });
  label.prepend(toggle);
  const canvas = monitorElement("canvas");
  const line = monitorElement("div", "monitor-line");
  line.append(title, value, label);
  box.append(line, canvas);
  const draw = (name, series, colours) => {
    if (!isChosen) toggle.checked = suitsLogScale(series.values.mean);
    title.textContent = name;
    value.textContent = monitorNumber(newestOfValues(series, "mean"));
    drawLoss(canvas, series, toggle.checked, colours);
  };
  return { box, draw };
}

/** A table with a head, without rows. */
function monitorTable() {
  const table = monitorElement("table");
  const head = monitorElement("tr");
  for (const [part, title] of Object.entries(MONITOR_COLUMNS)) {
    head.append(monitorElement("th", `monitor-${part}`, title));
  }
  table.append(head);
  return table;
}

/** Draws the panel of a watch and keeps it up to date; what anywidget calls. */
export function renderMonitor({ model, el }) {
  const root = monitorElement("div", "ari-monitor");
  const { head, state, facts, stop } = monitorHead(model);
  const problem = monitorElement("div", "monitor-problem");
  const series = new Map();
  const histograms = new Map();
  const rows = new Map();
  const table = monitorTable();
  const channels = model.get("channels");
  const facets = { steps: 0, rate: 0, elapsed: 0, names: [], losses: [] };
  let isWaiting = false;
  const redraw = () => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(draw);
  };
  const chart = monitorChart(redraw);

  function draw() {
    isWaiting = false;
    const colours = monitorColours(root);
    facts.textContent = `${facets.steps.toLocaleString("en")} steps   `
      + `${monitorNumber(facets.rate)} steps/s   ${monitorDuration(facets.elapsed)}`;
    const loss = facets.losses[0];
    chart.box.hidden = loss === undefined || !series.has(loss);
    if (!chart.box.hidden) chart.draw(loss, series.get(loss), colours);
    const names = facets.names.filter((name) => name !== loss).slice(0, MOST_ROWS);
    table.hidden = !names.length;
    table.classList.toggle("monitor-barred", histograms.size > 0);
    for (const name of names) {
      if (!series.has(name)) continue;
      if (!rows.has(name)) {
        rows.set(name, makeRow(name));
        table.append(rows.get(name).row);
      }
      const { cells } = rows.get(name);
      fillRow(cells, series.get(name), colours);
      if (histograms.has(name)) fillBars(cells.histogram, name, histograms.get(name), colours);
    }
    root.dataset.steps = String(facets.steps);
  }

  function showState() {
    const text = model.get("state");
    state.textContent = text;
    root.dataset.state = text;
    const isRunning = text === "running";
    stop.hidden = !isRunning;
    root.classList.toggle("monitor-running", isRunning);
    problem.textContent = model.get("problem");
    problem.hidden = !problem.textContent;
    root.classList.toggle("monitor-sick", !problem.hidden);
  }

  const receive = (content, buffers) => {
    if (content.kind !== "batch") return;
    Object.assign(facets, content);
    if (content.count) takeSamples(series, content, buffers[0], channels);
    if (content.histograms.length) takeHistograms(histograms, content, buffers[1]);
    redraw();
  };
  model.on("msg:custom", receive);
  model.on("change:state", showState);
  model.on("change:problem", showState);
  const sizes = new ResizeObserver(redraw);
  sizes.observe(root);
  root.append(head, problem, chart.box, table);
  el.append(root);
  showState();
  draw();
  return () => {
    model.off("msg:custom", receive);
    model.off("change:state", showState);
    model.off("change:problem", showState);
    sizes.disconnect();
  };
}
