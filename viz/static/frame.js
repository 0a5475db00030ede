/** Marks the frames whose views are shown, so that the static pictures beside them go. */
(() => {
  if (globalThis.ariFrames) return;
  globalThis.ariFrames = true;
  addEventListener("message", ({ source, data }) => {
    if (data !== "ari-shown") return;
    for (const frame of document.querySelectorAll(".ari-frame")) {
      if (frame.contentWindow === source) frame.dataset.shown = "";
    }
  });
})();
