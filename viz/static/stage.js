/** The stage of an explorer: draws a scene, lets it be moved and scaled, and says what was clicked. */

import { paintCanvas } from "./canvas.js";
import { headerAt, itemAt } from "./scene.js";
import { TEXT_ATTRIBUTES, edgesMarkup, sceneMarkup } from "./svg.js";

const SVG_ITEMS = 400;
const SMALLEST_FIT = 0.4;
const LARGEST_FIT = 1.15;
const READABLE = 0.85;
const LARGEST_SCALE = 4;
const MINIMAP = [150, 150];
const MINIMAP_LEAST = 46;
const STILL = 4; // pixels that a pointer may move in a click
const DOUBLE_MS = 400;
const BUTTON_WIDTH = 26;

export const STAGE_MARKUP = `<svg class="ari-drawn"><g ${TEXT_ATTRIBUTES}></g></svg><canvas class="ari-canvas" hidden></canvas>
<svg class="ari-above" aria-hidden="true"><g ${TEXT_ATTRIBUTES}></g></svg>
<div class="ari-minimap" hidden><canvas></canvas><div class="ari-sight"></div></div><div class="ari-note"></div>`;

/**
 * A scene in an element that holds `STAGE_MARKUP`. Calls `moved()` when place or scale changed,
 * `clicked({item, box, onButton, double})`, and asks `tooltip(item)` for a text.
 */
export class GraphStage {
  constructor(element, { minimap = true, moved, clicked, tooltip }) {
    Object.assign(this, { element, moved, clicked, tooltip, withMinimap: minimap });
    this.window = element.ownerDocument.defaultView;
    for (const name of ["drawn", "canvas", "above", "minimap", "sight", "note"]) {
      this[name] = element.querySelector(`.ari-${name}`);
    }
    this.view = { scale: 1, x: 0, y: 0 };
    this.pointers = new Map();
    this.hovered = -1;
    this.last = null; // the last click
    element.addEventListener("wheel", (event) => this.wheeled(event), { passive: false });
    for (const name of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) {
      element.addEventListener(name, (event) => this.pointer(event));
    }
    element.addEventListener("pointerleave", () => this.hover(-1));
  }

  // ---- drawing ----

  show(scene, paint, palette, labels) {
    Object.assign(this, { scene, paint, palette, labels });
    this.renderer = scene.items.length > SVG_ITEMS ? "canvas" : "svg";
    const onCanvas = this.renderer === "canvas";
    this.drawn.toggleAttribute("hidden", onCanvas);
    this.canvas.hidden = !onCanvas;
    this.drawn.firstElementChild.innerHTML = onCanvas ? "" : sceneMarkup(scene, paint, palette, labels);
    this.hover(-1);
    this.mapped = false;
    this.draw();
  }

  /** Show the scene at the present place and scale. */
  draw() {
    const { scale, x, y } = this.view;
    const move = `translate(${x.toFixed(2)} ${y.toFixed(2)}) scale(${scale})`;
    this.above.firstElementChild.setAttribute("transform", move);
    if (this.renderer === "svg") this.drawn.firstElementChild.setAttribute("transform", move);
    else this.drawCanvas();
    this.drawSight();
    this.moved();
  }

  drawCanvas() {
    const ratio = this.window.devicePixelRatio || 1;
    const { width, height } = this.size();
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== wide || this.canvas.height !== high) {
      Object.assign(this.canvas, { width: wide, height: high });
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const { scene, paint, palette, view, labels } = this;
    paintCanvas(context, scene, paint, palette, view, { width, height, labels });
  }

  /** Draw at the next frame, once. */
  redrawSoon() {
    if (this.frame) return;
    this.frame = this.window.requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  fadeIn() {
    if (this.window.matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    for (const part of [this.drawn, this.canvas]) part.animate?.([{ opacity: 0.35 }, { opacity: 1 }], 160);
  }

  /** The edges of an item, labelled, above all else. */
  hover(number) {
    if (number === this.hovered && number < 0) return;
    this.hovered = number;
    this.element.toggleAttribute("data-over", number >= 0);
    const joined = (edge) => edge.start === number || edge.end === number;
    const edges = number < 0 ? [] : this.scene.edges.filter(joined);
    const { up, down } = this.palette;
    const styles = edges.map((edge) => ({ stroke: edge.end === number ? up : down, line: 2.2, opacity: 1 }));
    const labels = edges.length <= 40 && this.view.scale > 0.35;
    this.above.firstElementChild.innerHTML = edgesMarkup(edges, styles, this.palette, labels);
    this.element.title = number < 0 ? "" : this.tooltip(this.scene.items[number]);
  }

  drawMinimap() {
    this.mapped = true;
    const { width, height } = this.scene;
    const shrink = Math.min(MINIMAP[0] / width, MINIMAP[1] / height);
    const by = Math.max(shrink, MINIMAP_LEAST / Math.max(Math.min(width, height), 1)) || 1;
    const [wide, high] = [Math.min(width * by, MINIMAP[0]), Math.min(height * by, MINIMAP[1])];
    // A long thin graph is squeezed lengthwise, so that its map stays wide enough to be hit.
    this.squeeze = [wide / width || 1, high / height || 1];
    const canvas = this.minimap.firstElementChild;
    Object.assign(canvas, { width: Math.ceil(2 * wide), height: Math.ceil(2 * high) });
    Object.assign(canvas.style, { width: `${Math.ceil(wide)}px`, height: `${Math.ceil(high)}px` });
    const context = canvas.getContext("2d");
    context.scale(2 * this.squeeze[0], 2 * this.squeeze[1]);
    context.fillStyle = this.palette.frame[1];
    context.globalAlpha = 0.3;
    for (const frame of this.scene.frames) context.fillRect(frame.x, frame.y, frame.width, frame.height);
    const least = [1.2 / this.squeeze[0], 1 / this.squeeze[1]];
    this.scene.items.forEach((item, number) => {
      const style = this.paint.items[number];
      context.globalAlpha = style.opacity < 1 ? 0.3 : 1;
      const solid = item.look.startsWith("out") || this.paint.warm;
      context.fillStyle = style.badge ?? (solid ? style.fill : style.stroke);
      const [w, h] = [Math.max(item.width, least[0]), Math.max(item.height, least[1])];
      context.fillRect(item.x - w / 2, item.y - h / 2, w, h);
    });
  }

  /** The frame on the mini-map around what is in sight. */
  drawSight() {
    const { width, height } = this.size();
    const { scale, x, y } = this.view;
    const seen = [-x / scale, -y / scale, (width - x) / scale, (height - y) / scale];
    const { width: wide, height: high } = this.scene;
    const all = seen[0] <= 0 && seen[1] <= 0 && seen[2] >= wide && seen[3] >= high;
    this.minimap.hidden = !this.withMinimap || all;
    if (this.minimap.hidden) return;
    if (!this.mapped) this.drawMinimap();
    const cut = (value, limit, by) => Math.min(Math.max(value, 0), limit) * by;
    const [left, right] = [seen[0], seen[2]].map((value) => cut(value, wide, this.squeeze[0]));
    const [top, bottom] = [seen[1], seen[3]].map((value) => cut(value, high, this.squeeze[1]));
    Object.assign(this.sight.style, {
      left: `${left}px`, top: `${top}px`,
      width: `${Math.max(right - left, 4)}px`, height: `${Math.max(bottom - top, 4)}px`,
    });
  }

  say(text) {
    this.note.textContent = text;
    this.note.toggleAttribute("data-on", true);
    this.window.clearTimeout(this.noteTimer);
    this.noteTimer = this.window.setTimeout(() => this.note.toggleAttribute("data-on", false), 1400);
  }

  // ---- place and scale ----

  /** Read the size of the element, which makes the browser lay out the page. */
  measure() {
    const { clientWidth, clientHeight } = this.element;
    this.known = { width: clientWidth || 800, height: clientHeight || 400 };
    return clientWidth > 0;
  }

  size() {
    if (!this.known) this.measure();
    return this.known;
  }

  /** The largest scale at which all can be seen. */
  wholeScale() {
    const { width, height } = this.size();
    return Math.min((width - 32) / this.scene.width, (height - 32) / this.scene.height);
  }

  fit(target) {
    this.look(Math.min(Math.max(this.wholeScale(), SMALLEST_FIT), LARGEST_FIT), target);
  }

  /** All if it can be read, else its end at a readable scale. */
  first(target) {
    if (this.wholeScale() < 0.6) this.look(READABLE, target);
    else this.fit(target);
  }

  /** Show the graph at a scale: in the middle where it has room, else the part around `target`. */
  look(scale, target) {
    const { width, height } = this.size();
    const { width: wide, height: high } = this.scene;
    const place = (view, whole, wanted) => {
      if (whole * scale <= view - 16) return (view - whole * scale) / 2;
      return Math.min(Math.max(wanted, view - whole * scale - 16), 16);
    };
    const x = place(width, wide, width / 2 - (target?.x ?? wide / 2) * scale);
    const y = place(height, high, height * 0.8 - (target?.y ?? high) * scale);
    this.view = { scale, x, y };
    this.draw();
  }

  zoom(factor, x = this.size().width / 2, y = this.size().height / 2) {
    const least = Math.min(0.6 * this.wholeScale(), SMALLEST_FIT);
    const scale = Math.min(Math.max(this.view.scale * factor, least), LARGEST_SCALE);
    const by = scale / this.view.scale;
    this.view = { scale, x: x - (x - this.view.x) * by, y: y - (y - this.view.y) * by };
    this.redrawSoon();
  }

  /** Bring an item to the middle: always, or only where it is not wholly in sight. */
  centre(item, always) {
    const { width, height } = this.size();
    const { scale } = this.view;
    const [x, y] = [item.x * scale + this.view.x, item.y * scale + this.view.y];
    const [w, h] = [(item.width * scale) / 2 + 12, (item.height * scale) / 2 + 12];
    if (!always && x - w > 0 && x + w < width && y - h > 0 && y + h < height) return;
    if (scale < 0.5) this.view.scale = READABLE;
    this.view.x = width / 2 - item.x * this.view.scale;
    this.view.y = height / 2 - item.y * this.view.scale;
    this.redrawSoon();
  }

  /** Move by a distance in the scene. */
  shift(x, y) {
    this.view.x += x * this.view.scale;
    this.view.y += y * this.view.scale;
    this.draw();
  }

  /** The item nearest to the middle of what is in sight. */
  middleItem() {
    const { width, height } = this.size();
    const { scale } = this.view;
    const [x, y] = [(width / 2 - this.view.x) / scale, (height / 2 - this.view.y) / scale];
    const away = (item) => Math.abs(item.x - x) + Math.abs(item.y - y);
    return this.scene.items.reduce((a, b) => (a && away(a) <= away(b) ? a : b), null);
  }

  // ---- pointer and wheel ----

  place(event) {
    const box = this.element.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const { scale } = this.view;
    return { x, y, sceneX: (x - this.view.x) / scale, sceneY: (y - this.view.y) / scale };
  }

  /** A wheel scrolls the page, unless the view was clicked or a key is held. */
  wheeled(event) {
    const held = event.ctrlKey || event.metaKey;
    if (!held && this.element.ownerDocument.activeElement !== this.element) {
      this.say("Click the graph, or hold Ctrl, to zoom with the wheel");
      return;
    }
    event.preventDefault();
    const { x, y } = this.place(event);
    const pixels = event.deltaMode ? event.deltaY * 30 : event.deltaY;
    const pinch = held && Math.abs(pixels) < 30;
    this.zoom(Math.exp(-Math.max(Math.min(pixels, 160), -160) * (pinch ? 0.01 : 0.002)), x, y);
  }

  pointer(event) {
    const at = this.place(event);
    if (event.type === "pointermove") this.pointerMoved(event, at);
    else if (event.type === "pointerdown" && !event.button) {
      this.onMap = !this.minimap.hidden && this.minimap.contains(event.target);
      this.pointers.set(event.pointerId, at);
      this.way = 0;
      if (this.onMap) this.goToMap(event);
    } else if (this.pointers.delete(event.pointerId)) {
      this.element.toggleAttribute("data-drag", false);
      const still = this.way < STILL && !this.onMap && !this.pointers.size;
      if (event.type === "pointerup" && still) this.report(at, event);
    }
  }

  pointerMoved(event, at) {
    const last = this.pointers.get(event.pointerId);
    if (!last) this.pointed(event, at);
    else if (this.onMap) this.goToMap(event);
    else {
      this.way += Math.abs(at.x - last.x) + Math.abs(at.y - last.y);
      if (this.way >= STILL && !this.element.hasAttribute("data-drag")) {
        this.element.setPointerCapture(event.pointerId);
        this.element.toggleAttribute("data-drag", true);
      }
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
      this.dragged(last, at, other);
      this.pointers.set(event.pointerId, at);
    }
  }

  pointed(event, at) {
    const onMap = this.minimap.contains(event.target);
    const over = onMap ? -1 : itemAt(this.scene, at.sceneX, at.sceneY);
    if (over !== this.hovered) this.hover(over);
    const title = over < 0 && !onMap && headerAt(this.scene, at.sceneX, at.sceneY) >= 0;
    this.element.toggleAttribute("data-over", over >= 0 || title);
  }

  /** One pointer moves the graph, two scale it. */
  dragged(last, at, other) {
    if (other) {
      const apart = (one) => Math.hypot(one.x - other.x, one.y - other.y) || 1;
      this.zoom(apart(at) / apart(last), (at.x + other.x) / 2, (at.y + other.y) / 2);
      return;
    }
    this.view.x += at.x - last.x;
    this.view.y += at.y - last.y;
    this.redrawSoon();
  }

  goToMap(event) {
    const box = this.minimap.getBoundingClientRect();
    const { width, height } = this.size();
    const { scale } = this.view;
    this.view.x = width / 2 - ((event.clientX - box.left) / this.squeeze[0]) * scale;
    this.view.y = height / 2 - ((event.clientY - box.top) / this.squeeze[1]) * scale;
    this.redrawSoon();
  }

  /** Say what was clicked. The first of two clicks may redraw, so no event tells of the second. */
  report({ sceneX, sceneY }, { timeStamp, clientX, clientY }) {
    const { last } = this;
    const double =
      last !== null && timeStamp - last.timeStamp < DOUBLE_MS &&
      Math.hypot(clientX - last.clientX, clientY - last.clientY) < 2 * STILL;
    const hit = this.scene.items[itemAt(this.scene, sceneX, sceneY)] ?? null;
    const item = double ? (this.scene.items.find(({ key }) => key === last.key) ?? null) : hit;
    this.last = double ? null : { timeStamp, clientX, clientY, key: item?.key };
    const onButton = item !== null && item.box >= 0 && sceneX > item.x + item.width / 2 - BUTTON_WIDTH;
    const box = item ? -1 : headerAt(this.scene, sceneX, sceneY);
    this.clicked({ item, box, onButton, double });
  }

  destroy() {
    this.window.cancelAnimationFrame(this.frame);
    this.window.clearTimeout(this.noteTimer);
  }
}
