/** What is known of a node or a box, and the help, as HTML text. */

import { boxesAround } from "./fold.js";
import { LOOK_NAMES, shortNumber } from "./glyphs.js";
import { countOf, nodeText } from "./scene.js";
import { escapeText } from "./svg.js";

const LINKS = 30;
const HITS = 60;

function section(title, content) {
  return content ? `<h4>${title}</h4>${content}` : "";
}

function paragraph(text) {
  return text ? `<p>${escapeText(text)}</p>` : "";
}

function linkTo(document, node, before = "", after = "") {
  const { name, label } = nodeText(document.nodes[node]);
  const small = after ? ` <small>${escapeText(after)}</small>` : "";
  return `<li>${before ? `<i>${before}</i>` : ""}<button type="button" data-go="${node}" title="Go to this node">${escapeText(name + label)}${small}</button></li>`;
}

function linkList(document, numbers, upward) {
  const rows = numbers.slice(0, LINKS).map((number) => {
    const [start, end, label, port] = document.edges[number];
    const other = document.nodes[upward ? start : end];
    const place = upward && numbers.length > 1 ? `${(port ?? 0) + 1}` : "";
    return linkTo(document, upward ? start : end, place, other.kind === "constant" ? "" : label ?? other.type);
  });
  if (numbers.length > LINKS) rows.push(`<li class="ari-soft">and ${numbers.length - LINKS} more</li>`);
  return rows.length ? `<ul class="ari-links">${rows.join("")}</ul>` : "";
}

function tableOf(pairs) {
  const rows = pairs.map(([name, value]) => {
    const text = typeof value === "number" ? shortNumber(value) : value;
    return `<tr><td class="ari-soft">${escapeText(name)}</td><td>${escapeText(text)}</td></tr>`;
  });
  return rows.length ? `<table>${rows.join("")}</table>` : "";
}

const CODE = /(\/\*[^]*?\*\/|\/\/[^\n]*|^[ \t]*#[^\n]*)|("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|\b(\d[\w.]*)|\b(auto|bool|break|case|char|const|continue|double|else|float|for|if|inline|int|int\d+_t|long|return|restrict|short|size_t|static|struct|switch|uint\d+_t|unsigned|void|while|__global__|__device__|__restrict__|__shared__|def|import|from|lambda|in)\b/gm;

/** Source code as HTML, lightly coloured. */
export function codeMarkup(text) {
  const parts = [];
  let last = 0;
  for (const match of text.matchAll(CODE)) {
    const name = ["comment", "string", "number", "key"][match.slice(1).findIndex(Boolean)];
    parts.push(escapeText(text.slice(last, match.index)));
    parts.push(`<span class="ari-${name}">${escapeText(match[0])}</span>`);
    last = match.index + match[0].length;
  }
  return parts.join("") + escapeText(text.slice(last));
}

function kernelMarkup(document, kernel) {
  const { name, code } = document.kernels?.[kernel] ?? {};
  return code ? section(`Code of ${escapeText(name)}`, `<pre tabindex="0">${codeMarkup(code)}</pre>`) : "";
}

function heatRows(document, nodes) {
  return (document.heats ?? []).flatMap(({ name, unit, of }) => {
    const known = nodes.map((node) => of[node]).filter((value) => typeof value === "number");
    const sum = known.reduce((a, b) => a + b, 0);
    return known.length ? [[name, `${shortNumber(sum)}${unit ? ` ${unit}` : ""}`]] : [];
  });
}

/** An alarm: what happened stands out from what was got and what to try. */
function alarmMarkup(text) {
  const [what, ...rest] = text.split("\n");
  const lines = rest.map((line) => escapeText(line.trim())).join("\n");
  return `<p class="ari-alarm"><b>${escapeText(what)}</b>${lines ? `\n${lines}` : ""}</p>`;
}

const COLOURS =
  '<p class="ari-keys"><span><i style="background:var(--ari-up)"></i>it depends on</span><span><i style="background:var(--ari-down)"></i>depends on it</span></p>';

/** What the panel shows of the choice: {node}, {box} or null. */
export function detailMarkup(document, links, folding, chosen, open) {
  if (!chosen) return '<p class="ari-soft">Click a node to see what is known of it.</p>';
  const close = '<button type="button" class="ari-close" data-act="detail" title="Close the panel (d)" aria-label="Close the panel">×</button>';
  if (chosen.box !== undefined) return close + boxDetail(document, folding, chosen.box, open);
  return close + nodeDetail(document, links, folding, chosen.node);
}

function nodeDetail(document, links, folding, id) {
  const node = document.nodes[id];
  const { name, label } = nodeText(node);
  const copies = links.copies.get(id) ?? [id];
  const users = copies.flatMap((copy) => links.users[copy]);
  const outputs = node.of_output ? "an output of the graph" : "";
  const kind = [node.kind === "op" ? "" : node.kind, node.gradient ? "made by grad" : "", outputs].filter(Boolean);
  const around = boxesAround(folding, folding.of[id]);
  const box = around.length ? around[around.length - 1] : -1;
  return [
    `<h3>${escapeText(name + label)}</h3>`,
    node.type ? `<p><code>${escapeText(node.type)}</code></p>` : "",
    kind.length ? `<p class="ari-soft">${kind.join(", ")}</p>` : "",
    node.alarm ? alarmMarkup(node.alarm) : "",
    COLOURS,
    section("Line", node.line ? `${paragraph(node.where)}<pre class="ari-line">${codeMarkup(node.line)}</pre>` : ""),
    section("What it does", paragraph(node.doc)),
    section("As text", node.text && node.text !== name + label ? `<pre class="ari-line">${escapeText(node.text)}</pre>` : ""),
    section("Gradient of", paragraph(node.gradient_of)),
    section("Name scope", paragraph(node.scope)),
    section("Made by the rules", paragraph((node.rules ?? []).join(", "))),
    section("Measured", tableOf(heatRows(document, [id]))),
    section("Values", tableOf(Object.entries(node.stats ?? {}))),
    box >= 0 ? section("In the box", `<ul class="ari-links"><li><button type="button" data-box="${box}" title="Fold this box">${escapeText(folding.boxes[box].label)}</button></li></ul>`) : "",
    section(`Inputs (${links.inputs[id].length})`, linkList(document, links.inputs[id], true)),
    section(`Used by (${users.length})`, linkList(document, users, false)),
    node.step === undefined ? "" : `<h4>Runs as step</h4><p>${node.step + 1}</p>`,
    node.kernel === undefined ? "" : kernelMarkup(document, node.kernel),
  ].join("");
}

function boxDetail(document, folding, box, open) {
  const { label, kind, note, kernel } = folding.boxes[box];
  const inside = folding.of.flatMap((one, node) => (boxesAround(folding, one).includes(box) ? [node] : []));
  const action = open.has(box) ? "Fold" : "Open";
  const rows = inside.slice(0, LINKS).map((node) => linkTo(document, node, "", document.nodes[node].type));
  return [
    `<h3>${escapeText(label)}</h3>`,
    `<p class="ari-soft">${escapeText([kind, note || countOf(inside.length, "node")].filter(Boolean).join(", "))}</p>`,
    `<p><button type="button" data-box="${box}" title="${action} this box (o)" style="border-color:var(--ari-line);margin-top:6px">${action} (o)</button></p>`,
    COLOURS,
    section("Measured", tableOf(heatRows(document, inside))),
    kernel === undefined ? "" : kernelMarkup(document, kernel),
    section("Holds", `<ul class="ari-links">${rows.join("")}</ul>`),
    inside.length > LINKS ? `<p class="ari-soft">and ${inside.length - LINKS} more</p>` : "",
  ].join("");
}

/** The nodes that a search found, as buttons. */
export function hitsMarkup(document, hits) {
  const rows = hits.slice(0, HITS).map((id) => {
    const node = document.nodes[id];
    const { name, label, small } = nodeText(node);
    return `<button type="button" data-hit="${id}"><b>${escapeText(name + label)}</b><small>${escapeText(node.line ?? small)}</small></button>`;
  });
  if (hits.length > HITS) rows.push(`<small>and ${hits.length - HITS} more</small>`);
  return rows.join("");
}

const HELP = [
  ["↑ ↓", "to an input, to a user"],
  ["← →", "to the neighbours in the row"],
  ["/", "search; Enter and Shift+Enter go on"],
  ["o", "open or fold the box"],
  ["f", "show all"],
  ["+ −", "zoom"],
  ["e", "labels on all edges"],
  ["d", "panel of details"],
  ["Esc", "leave"],
];
const MOUSE = [
  ["drag", "move the graph"],
  ["wheel", "zoom, once the graph was clicked or with Ctrl"],
  ["click", "what it is, what it needs (one colour), what needs it (the other)"],
  ["+ on a box", "open it, as a double click does"],
  ["title of a box", "fold it"],
  ["dotted ends", "an edge too long to draw; point at its node to see it whole"],
];

/** The overlay that explains keys, mouse and colours. */
export function helpMarkup(palette, scene) {
  const list = (pairs) =>
    `<dl>${pairs.map(([key, text]) => `<dt><kbd>${key}</kbd></dt><dd>${text}</dd>`).join("")}</dl>`;
  const used = new Set(scene.items.map((item) => item.look));
  const looks = LOOK_NAMES.filter(([look]) => used.has(look)).map(([look, text]) => {
    const [fill, stroke] = palette[look];
    return `<dt><i style="background:${fill};border-color:${stroke}"></i></dt><dd>${text}</dd>`;
  });
  return (
    '<button type="button" class="ari-close" data-act="close" title="Close (Esc)" aria-label="Close the help">×</button>' +
    `<div><h3>Keys</h3>${list(HELP)}</div><div><h3>Mouse</h3>${list(MOUSE)}</div>` +
    `<div><h3>Colours</h3><dl>${looks.join("")}</dl></div>`
  );
}
