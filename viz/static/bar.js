/** The frame of an explorer as HTML text: its toolbar, stage and panels. */

import { STAGE_MARKUP } from "./stage.js";
import { escapeText } from "./svg.js";

const ICONS = {
  fit: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
  labels: "M2 8h3M11 8h3M5 5h6v6H5z",
  export: "M8 2v8M5 7l3 3 3-3M2 12v2h12v-2",
  detail: "M2 3h12v10H2zM10 3v10",
  unfold: "M8 2v4M6 4h4M3 9h10v5H3z",
  fold: "M6 4h4M3 9h10v5H3z",
};

function iconMarkup(name) {
  return `<svg viewBox="0 0 16 16" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;
}

function buttonMarkup(action, title, content, more = "") {
  return `<button type="button" data-act="${action}" title="${title}" aria-label="${title}" ${more}>${content}</button>`;
}

function selectMarkup(action, title) {
  return `<select data-act="${action}" title="${title}" aria-label="${title}"></select>`;
}

function barMarkup(options) {
  const pressed = 'aria-pressed="false"';
  return `<div class="ari-bar" role="toolbar" aria-label="Graph">
<span class="ari-title"></span><span class="ari-count"></span>
<span class="ari-group">${selectMarkup("grouping", "Fold nodes into boxes")}
${buttonMarkup("unfold", "Open all boxes", iconMarkup("unfold"))}${buttonMarkup("fold", "Fold all boxes", iconMarkup("fold"))}</span>
${selectMarkup("heat", "Colour nodes by a number")}
<span class="ari-search"><input type="search" placeholder="Search  /" title="Search names, ops, types and lines (/)" aria-label="Search"><span class="ari-found" aria-live="polite"></span><div class="ari-drop ari-hits" hidden></div></span>
<span class="ari-space"></span>
<span class="ari-group">${buttonMarkup("smaller", "Zoom out (-)", "−")}<span class="ari-scale"></span>${buttonMarkup("larger", "Zoom in (+)", "+")}${buttonMarkup("fit", "Show all (f)", iconMarkup("fit"))}</span>
${buttonMarkup("labels", "Labels on edges (e)", iconMarkup("labels"), pressed)}
<span class="ari-menu">${buttonMarkup("export", "Save as a file", iconMarkup("export"), 'aria-haspopup="true" aria-expanded="false"')}<div class="ari-drop" hidden>
${buttonMarkup("save-svg", "Save as SVG", "SVG picture")}${buttonMarkup("save-png", "Save as PNG", "PNG picture")}${buttonMarkup("save-html", "Save as one HTML page", "HTML page")}</div></span>
${options.detail === false ? "" : buttonMarkup("detail", "Panel of details (d)", iconMarkup("detail"), pressed)}
${buttonMarkup("help", "Keys and colours (?)", "?", 'aria-expanded="false"')}</div>`;
}

/** All that an explorer consists of. */
export function explorerMarkup(options) {
  return `${options.toolbar === false ? "" : barMarkup(options)}<div class="ari-main">
<div class="ari-view" tabindex="0" role="application" aria-roledescription="graph">${STAGE_MARKUP}<div class="ari-heat" hidden></div></div>
<aside class="ari-detail" aria-label="Details" hidden></aside><div class="ari-help" hidden></div></div>
<div class="ari-live" aria-live="polite"></div>`;
}

/** Give a select element its options; the first stands for none. */
export function fillSelect(select, first, entries, chosen) {
  const option = (value, text) => `<option value="${escapeText(value)}">${escapeText(text)}</option>`;
  select.innerHTML = option("", first) + entries.map(({ name, label }) => option(name, label ?? name)).join("");
  select.value = chosen ?? "";
}
