/** A scene on a canvas: only what is in sight, and at small scales only what can be seen. */

import { FONT, FONT_SIZE, SMALL_SIZE } from "./glyphs.js";
import { labelPlace, stubsOf, textPlaces, withHead } from "./svg.js";

const TEXT_FROM = 0.3;
const CURVES_FROM = 0.22;

/** Draw the part of a scene that a view of `width` x `height` shows at `view` {scale, x, y}. */
export function paintCanvas(context, scene, paint, palette, view, { width, height, labels }) {
  const { scale, x, y } = view;
  const sight = [-x / scale, -y / scale, (width - x) / scale, (height - y) / scale];
  context.save();
  context.translate(x, y);
  context.scale(scale, scale);
  paintFrames(context, scene, palette, sight);
  paintEdges(context, scene, paint, sight, scale);
  if (scale >= TEXT_FROM) paintTitles(context, scene, palette, sight);
  context.textAlign = "center";
  scene.items.forEach((item, number) => {
    const [w, h] = [item.width / 2 + 8, item.height / 2 + 8];
    if (item.x + w < sight[0] || item.x - w > sight[2]) return;
    if (item.y + h < sight[1] || item.y - h > sight[3]) return;
    paintItem(context, item, paint.items[number], scale);
  });
  if (scale >= TEXT_FROM) paintWords(context, scene, palette, sight, labels);
  context.restore();
}

function inSight([left, top, right, bottom], sight) {
  return right >= sight[0] && left <= sight[2] && bottom >= sight[1] && top <= sight[3];
}

function paintFrames(context, scene, palette, sight) {
  const [fill, stroke] = palette.frame;
  for (const frame of scene.frames) {
    const bounds = [frame.x, frame.y, frame.x + frame.width, frame.y + frame.height];
    if (!inSight(bounds, sight)) continue;
    context.beginPath();
    context.roundRect(frame.x, frame.y, frame.width, frame.height, 8);
    context.fillStyle = fill;
    context.fill();
    context.strokeStyle = stroke;
    context.lineWidth = 1;
    context.stroke();
  }
}

/** Titles of frames, above the edges. */
function paintTitles(context, scene, palette, sight) {
  const [, , text] = palette.frame;
  context.textAlign = "left";
  context.lineJoin = "round";
  for (const frame of scene.frames) {
    if (!inSight([frame.x, frame.y, frame.x + frame.width, frame.y + frame.header], sight)) continue;
    context.font = `600 11px ${FONT}`;
    context.strokeStyle = palette.page;
    context.lineWidth = 3;
    context.strokeText(frame.name, frame.x + 26, frame.y + 16);
    paintText(context, frame.name, frame.x + 26, frame.y + 16, text, `600 11px ${FONT}`);
    paintSign(context, frame.x + 14, frame.y + 12, false, text);
  }
}

/** Edges; those that look alike and follow one another are one path. */
function paintEdges(context, scene, paint, sight, scale) {
  let current = null;
  let heads = [];
  const finish = () => {
    if (!current) return;
    context.stroke();
    context.fillStyle = current.stroke;
    context.beginPath();
    for (const { x, y, way } of heads) {
      context.moveTo(x, y);
      context.lineTo(x - 3, y - 6 * way);
      context.lineTo(x + 3, y - 6 * way);
    }
    context.fill();
    heads = [];
  };
  scene.edges.forEach((edge, number) => {
    if (edge.points.length < 2 || !inSight(edge.bounds, sight)) return;
    const style = paint.edges[number];
    const same =
      current && current.stroke === style.stroke && current.line === style.line &&
      current.opacity === style.opacity && current.dash === style.dash && current.stub === style.stub;
    if (!same) {
      finish();
      current = style;
      context.strokeStyle = style.stroke;
      context.lineWidth = Math.max(style.line, 0.6 / scale);
      // From afar the many lines that are otherwise drawn as ends only would hide the nodes.
      context.globalAlpha = style.opacity * (style.stub && scale < CURVES_FROM ? 0.25 : 1);
      context.setLineDash(scale < CURVES_FROM ? [] : style.stub ? [2, 2.5] : style.dash ? [5, 3] : []);
      context.beginPath();
    }
    if (scale >= CURVES_FROM) heads.push(traceCurve(context, edge, style.stub));
    else traceLine(context, edge.points);
  });
  finish();
  context.globalAlpha = 1;
  context.setLineDash([]);
}

function traceLine(context, points) {
  context.moveTo(...points[0]);
  context.lineTo(...points[points.length - 1]);
}

function traceCurve(context, edge, stub) {
  const headed = withHead(edge);
  const { points } = headed;
  if (stub) {
    for (const part of stubsOf(points, headed.way)) traceLine(context, part);
    return headed;
  }
  context.moveTo(points[0][0], points[0][1]);
  for (let k = 1; k < points.length; k++) {
    const [[x, y], [right, below]] = [points[k - 1], points[k]];
    const middle = (y + below) / 2;
    if (Math.abs(right - x) < 0.75) context.lineTo(right, below);
    else context.bezierCurveTo(x, middle, right, middle, right, below);
  }
  return headed;
}

function outline(context, item, grow) {
  const [w, h] = [item.width + 2 * grow, item.height + 2 * grow];
  context.beginPath();
  if (item.barrel && !grow) {
    const [left, top, bottom] = [-w / 2, 4.5 - h / 2, h / 2 - 4.5];
    context.ellipse(0, top, w / 2, 4.5, 0, Math.PI, 2 * Math.PI);
    context.lineTo(-left, bottom);
    context.ellipse(0, bottom, w / 2, 4.5, 0, 0, Math.PI);
    context.closePath();
  } else context.roundRect(-w / 2, -h / 2, w, h, Math.min(item.radius + grow, h / 2));
}

function paintItem(context, item, style, scale) {
  context.globalAlpha = style.opacity;
  if (scale < 0.15 && !style.ring) {
    context.fillStyle = style.opacity < 1 || !item.look.startsWith("out") ? style.stroke : style.fill;
    context.fillRect(item.x - item.width / 2, item.y - item.height / 2, item.width, item.height);
    context.globalAlpha = 1;
    return;
  }
  context.translate(item.x, item.y);
  if (style.ring) {
    outline(context, item, 4);
    context.strokeStyle = style.ring;
    context.lineWidth = Math.max(2.2, 2 / scale);
    context.stroke();
  }
  context.fillStyle = style.fill;
  context.strokeStyle = style.stroke;
  context.lineWidth = style.line;
  context.setLineDash(item.copy ? [3, 2] : []);
  for (const shift of item.box >= 0 ? [3, 0] : [0]) {
    context.translate(shift, shift);
    outline(context, item, 0);
    context.fill();
    context.stroke();
    context.translate(-shift, -shift);
  }
  context.setLineDash([]);
  if (item.barrel) {
    context.beginPath();
    context.ellipse(0, 4.5 - item.height / 2, item.width / 2, 4.5, 0, 0, Math.PI);
    context.stroke();
  }
  if (scale >= TEXT_FROM) paintLines(context, item, style);
  if (style.badge) paintBadge(context, item, style.badge);
  context.translate(-item.x, -item.y);
  context.globalAlpha = 1;
}

function paintBadge(context, item, colour) {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(item.width / 2, -item.height / 2, 7.5, 0, 2 * Math.PI);
  context.fill();
  paintText(context, "!", item.width / 2, 4 - item.height / 2, "#fff", `700 11px ${FONT}`);
}

function paintText(context, text, x, y, colour, font) {
  if (context.font !== font) context.font = font;
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

function paintLines(context, item, style) {
  const { first, second } = textPlaces(item);
  const shift = item.box >= 0 ? -9 : 0;
  const [bold, plain] = [`600 ${FONT_SIZE}px ${FONT}`, `${FONT_SIZE}px ${FONT}`];
  if (item.name && item.label) {
    context.font = bold;
    const name = context.measureText(item.name).width;
    context.font = plain;
    const label = context.measureText(item.label).width;
    context.textAlign = "left";
    const left = shift - (name + label) / 2;
    paintText(context, item.label, left + name, first, style.text, plain);
    paintText(context, item.name, left, first, style.text, bold);
    context.textAlign = "center";
  } else {
    const font = item.name ? bold : plain;
    paintText(context, item.name || item.label, shift, first, style.text, font);
  }
  const small = style.small ?? item.small;
  if (small) paintText(context, small, shift, second, style.soft, `${SMALL_SIZE}px ${FONT}`);
  if (item.box >= 0) paintSign(context, item.width / 2 - 14, 0, true, style.text);
  if (style.struck) context.fillRect(-item.width / 2 + 8, first - 4, item.width - 16, 1);
}

function paintSign(context, x, y, plus, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 1.2;
  context.strokeRect(x - 6, y - 6, 12, 12);
  context.beginPath();
  context.moveTo(x - 3.5, y);
  context.lineTo(x + 3.5, y);
  if (plus) {
    context.moveTo(x, y - 3.5);
    context.lineTo(x, y + 3.5);
  }
  context.stroke();
}

/** Numbers of arguments, and labels of edges where asked. */
function paintWords(context, scene, palette, sight, labels) {
  context.lineJoin = "round";
  context.textAlign = "center";
  for (const edge of scene.edges) {
    if (!(edge.mark || labels) || edge.points.length < 2 || !inSight(edge.bounds, sight)) continue;
    const { x, y, way } = withHead(edge);
    if (edge.mark) paintText(context, String(edge.mark), x + 6, y - 6 * way, palette.soft, `8.5px ${FONT}`);
    if (!labels || !edge.label) continue;
    const place = labelPlace(edge);
    context.font = `9px ${FONT}`;
    context.strokeStyle = palette.page;
    context.lineWidth = 3.5;
    context.strokeText(edge.label, ...place);
    paintText(context, edge.label, ...place, palette.text, `9px ${FONT}`);
  }
}

/** A whole scene on a canvas of its own, at twice its size where that is not too large. */
export function sceneCanvas(page, scene, paint, palette, labels) {
  const margin = 16;
  const [width, height] = [scene.width + 2 * margin, scene.height + 2 * margin];
  const scale = Math.min(2, 16000 / width, 16000 / height, Math.sqrt(6e7 / (width * height)));
  const canvas = page.createElement("canvas");
  canvas.width = Math.ceil(width * scale);
  canvas.height = Math.ceil(height * scale);
  const context = canvas.getContext("2d");
  context.fillStyle = palette.page;
  context.fillRect(0, 0, canvas.width, canvas.height);
  const view = { scale, x: margin * scale, y: margin * scale };
  const size = { width: canvas.width, height: canvas.height, labels };
  paintCanvas(context, scene, paint, palette, view, size);
  return canvas;
}
