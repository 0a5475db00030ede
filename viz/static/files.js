/** Saving what an explorer shows as a file. */

import { sceneCanvas } from "./canvas.js";
import { svgDocument } from "./svg.js";

/** The text of the page itself, where the page is ours, or the callback that makes it. */
export function pageSource(page, options) {
  if (options.page !== undefined) return options.page;
  const lab = page.body.dataset.jpThemeLight !== undefined;
  return lab || page.querySelector(".ari-explorer") ? null : `<!doctype html>\n${page.documentElement.outerHTML}`;
}

/** Offer a graph as a file to be saved: "svg", "png" or "html". */
export async function saveGraph(page, format, { title, scene, paint, palette, labels, source }) {
  const name = `${(title || "graph").replace(/[^\w.-]+/g, "_").slice(0, 60)}.${format}`;
  if (format === "svg") {
    const text = svgDocument(scene, paint, palette, { labels, title });
    offerFile(page, new Blob([text], { type: "image/svg+xml" }), name);
  } else if (format === "png") {
    sceneCanvas(page, scene, paint, palette, labels).toBlob((blob) => offerFile(page, blob, name));
  } else {
    const text = typeof source === "function" ? await source() : source;
    offerFile(page, new Blob([text], { type: "text/html" }), name);
  }
}

function offerFile(page, blob, name) {
  const link = page.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  page.defaultView.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
