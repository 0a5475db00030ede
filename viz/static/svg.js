/** A scene as SVG text: all colours are written out, so that it stands alone as well. */

import { FONT, FONT_SIZE, SMALL_SIZE } from "./glyphs.js";

const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Text for XML and HTML, without control characters. */
export function escapeText(text) {
  return String(text)
    .replace(/[&<>"']/g, (character) => ENTITIES[character])
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd");
}

function short(value) {
  return String(Math.round(value * 10) / 10);
}

/** The two ends of an edge that is too long to be drawn. */
export function stubsOf(points, way) {
  const [x, y] = points[0];
  const [right, below] = points[points.length - 1];
  return [
    [[x, y], [x, y + 22 * way]],
    [[right, below - 24 * way], [right, below]],
  ];
}

/** Straight down where x stays, else an S with vertical ends. */
export function curveOf(points) {
  const parts = [`M${short(points[0][0])} ${short(points[0][1])}`];
  for (let k = 1; k < points.length; k++) {
    const [x, y] = points[k - 1];
    const [right, below] = points[k];
    const middle = short((y + below) / 2);
    const end = `${short(right)} ${short(below)}`;
    const bends = Math.abs(right - x) >= 0.75;
    parts.push(bends ? `C${short(x)} ${middle} ${short(right)} ${middle} ${end}` : `L${end}`);
  }
  return parts.join("");
}

/** The points of an edge without the part that its head covers; and the head's tip and direction. */
export function withHead(edge) {
  const points = [...edge.points];
  const [x, y] = points[points.length - 1];
  // A box as tall as its row is entered where the edge comes into the row.
  while (points.length > 2 && Math.abs(points[points.length - 2][1] - y) < 0.5) points.splice(-2, 1);
  const way = y >= points[points.length - 2][1] ? 1 : -1;
  points[points.length - 1] = [x, y - 4 * way];
  return { points, x, y, way };
}

function headPath({ x, y, way }) {
  return `M${short(x)} ${short(y)}l-3 ${-6 * way}h6z`;
}

/** Where the label of an edge is best put: the middle of its longest part. */
export function labelPlace(edge) {
  let [best, place] = [-1, [0, 0]];
  for (let k = 1; k < edge.points.length; k++) {
    const [[x, y], [right, below]] = [edge.points[k - 1], edge.points[k]];
    const length = Math.abs(below - y);
    if (length > best) [best, place] = [length, [(x + right) / 2, (y + below) / 2 + 3]];
  }
  return place;
}

/** The path `d` of a barrel around (0, 0), and of its lid. */
export function barrelPaths(width, height) {
  const curve = `a${short(width / 2)} 4.5 0 0 `;
  const begin = `M${short(-width / 2)} ${short(4.5 - height / 2)}`;
  const side = short(height - 9);
  return [
    `${begin}v${side}${curve}0 ${short(width)} 0v-${side}${curve}0 ${short(-width)} 0z`,
    `${begin}${curve}0 ${short(width)} 0`,
  ];
}

function rectangle(width, height, radius, more) {
  const place = `x="${short(-width / 2)}" y="${short(-height / 2)}"`;
  return `<rect ${place} width="${short(width)}" height="${short(height)}" rx="${short(radius)}" ${more}/>`;
}

/** A line of text around a place. */
export function svgText(x, y, text, fill, size, more = "") {
  return `<text x="${short(x)}" y="${short(y)}" fill="${fill}" font-size="${size}" ${more}>${escapeText(text)}</text>`;
}

/** The second line of an item and where its lines stand. */
export function textPlaces(item) {
  const middle = item.barrel ? 4 : 0;
  return { first: (item.small ? -3 : 4.2) + middle, second: 10.5 + middle };
}

function itemMarkup(item, style) {
  const { width, height, radius } = item;
  const look = `fill="${style.fill}" stroke="${style.stroke}" stroke-width="${style.line}"${item.copy ? ' stroke-dasharray="3 2"' : ""}`;
  const parts = [];
  if (style.ring) {
    const ring = `fill="none" stroke="${style.ring}" stroke-width="2.2"`;
    parts.push(rectangle(width + 8, height + 8, Math.min(radius + 4, height / 2 + 4), ring));
  }
  if (item.box >= 0) {
    parts.push(`<g transform="translate(3 3)">${rectangle(width, height, radius, look)}</g>`);
  }
  if (item.barrel) {
    const [body, lid] = barrelPaths(width, height);
    parts.push(`<path d="${body}" ${look}/><path d="${lid}" fill="none" stroke="${style.stroke}" stroke-width="${style.line}"/>`);
  } else parts.push(rectangle(width, height, radius, look));
  const { first, second } = textPlaces(item);
  const shift = item.box >= 0 ? -9 : 0;
  const bold = item.name ? `<tspan font-weight="600">${escapeText(item.name)}</tspan>` : "";
  const struck = style.struck ? ' text-decoration="line-through"' : "";
  parts.push(`<text x="${shift}" y="${short(first)}" fill="${style.text}"${struck}>${bold}${escapeText(item.label)}</text>`);
  const small = style.small ?? item.small;
  if (small) parts.push(svgText(shift, second, small, style.soft, SMALL_SIZE));
  if (item.box >= 0) parts.push(signMarkup(width / 2 - 14, 0, true, style.text));
  if (style.badge) {
    parts.push(`<circle cx="${short(width / 2)}" cy="${short(-height / 2)}" r="7.5" fill="${style.badge}"/>`);
    parts.push(svgText(width / 2, 4 - height / 2, "!", "#fff", 11, 'font-weight="700"'));
  }
  const faded = style.opacity < 1 ? ` opacity="${style.opacity}"` : "";
  return `<g data-item="${item.key}" transform="translate(${short(item.x)} ${short(item.y)})"${faded}>${parts.join("")}</g>`;
}

/** A small plus or minus in a square. */
function signMarkup(x, y, plus, colour) {
  const cross = `M${short(x - 3.5)} ${short(y)}h7${plus ? `M${short(x)} ${short(y - 3.5)}v7` : ""}`;
  return (
    `<rect x="${short(x - 6.5)}" y="${short(y - 6.5)}" width="13" height="13" rx="3" fill="none" stroke="${colour}" stroke-opacity=".5"/>` +
    `<path d="${cross}" stroke="${colour}" stroke-width="1.4" fill="none"/>`
  );
}

function frameMarkup(frame, palette) {
  const [fill, stroke] = palette.frame;
  return (
    `<rect x="${short(frame.x)}" y="${short(frame.y)}" width="${short(frame.width)}" height="${short(frame.height)}" rx="8" fill="${fill.slice(0, 7)}" ` +
    `fill-opacity="${parseInt(fill.slice(7), 16) / 255}" stroke="${stroke}"/>`
  );
}

function frameTitle(frame, palette) {
  const [, , text] = palette.frame;
  const halo = `text-anchor="start" font-weight="600" paint-order="stroke" stroke="${palette.page}" stroke-width="3" stroke-linejoin="round"`;
  return (
    svgText(frame.x + 26, frame.y + 16, frame.name, text, 11, halo) +
    signMarkup(frame.x + 14, frame.y + 12, false, text)
  );
}

/** Edges with heads and, where asked, their labels. */
export function edgesMarkup(edges, styles, palette, labels) {
  const parts = [];
  edges.forEach((edge, number) => {
    if (edge.points.length < 2) return;
    const style = styles[number];
    const headed = withHead(edge);
    const faded = style.opacity < 1 ? ` opacity="${style.opacity}"` : "";
    const dash = style.stub ? ' stroke-dasharray="2 2.5"' : style.dash ? ' stroke-dasharray="5 3"' : "";
    const line = style.stub ? stubsOf(headed.points, headed.way).map(curveOf).join("") : curveOf(headed.points);
    parts.push(
      `<g${faded}><path d="${line}" fill="none" stroke="${style.stroke}" stroke-width="${short(style.line)}"${dash}/>` +
        `<path d="${headPath(headed)}" fill="${style.stroke}"/></g>`,
    );
    const mark = [headed.x + 6, headed.y - 6 * headed.way];
    if (edge.mark) parts.push(svgText(...mark, edge.mark, palette.soft, 8.5));
    if (labels && edge.label) parts.push(edgeLabel(edge, palette));
  });
  return parts.join("");
}

function edgeLabel(edge, palette) {
  const halo = `paint-order="stroke" stroke="${palette.page}" stroke-width="3.5" stroke-linejoin="round"`;
  return svgText(...labelPlace(edge), edge.label, palette.text, 9, halo);
}

/** All of a scene as the content of an svg element. */
export function sceneMarkup(scene, paint, palette, labels) {
  return [
    ...scene.frames.map((frame) => frameMarkup(frame, palette)),
    edgesMarkup(scene.edges, paint.edges, palette, false),
    ...scene.frames.map((frame) => frameTitle(frame, palette)),
    ...scene.items.map((item, number) => itemMarkup(item, paint.items[number])),
    ...(labels ? scene.edges.filter((edge) => edge.label && edge.points.length > 1).map((edge) => edgeLabel(edge, palette)) : []),
  ].join("\n");
}

/** Attributes that text in an svg element needs. */
export const TEXT_ATTRIBUTES = `font-family='${FONT}' font-size="${FONT_SIZE}" text-anchor="middle"`;

/** A scene as an SVG document of its own. */
export function svgDocument(scene, paint, palette, { labels = false, title = "" } = {}) {
  const margin = 16;
  const head = title ? 20 : 0;
  const [width, height] = [scene.width + 2 * margin, scene.height + 2 * margin + head].map(Math.ceil);
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ${TEXT_ATTRIBUTES}>\n` +
    `<rect width="${width}" height="${height}" fill="${palette.page}"/>\n` +
    (title ? svgText(margin, margin + 6, title, palette.soft, 11, 'text-anchor="start"') : "") +
    `<g transform="translate(${margin} ${margin + head})">\n${sceneMarkup(scene, paint, palette, labels)}\n</g></svg>\n`
  );
}
