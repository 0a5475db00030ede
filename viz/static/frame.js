/** Marks the frames whose views are shown, so that static pictures beside them go; tells them the theme. */
(() => {
  if (globalThis.ariFrames) return;
  globalThis.ariFrames = true;
  const frames = () => [...document.querySelectorAll(".ari-frame")];
  // What frame.css says, which knows the marks of notebooks.
  const tell = (frame) => frame.contentWindow.postMessage({ ariTheme: getComputedStyle(frame).colorScheme }, "*");
  addEventListener("message", ({ source, data }) => {
    if (data !== "ari-shown") return;
    for (const frame of frames().filter((one) => one.contentWindow === source)) {
      frame.dataset.shown = "";
      tell(frame);
    }
  });
  const marks = new MutationObserver(() => frames().forEach(tell));
  const attributeFilter = ["data-jp-theme-light", "class", "theme"];
  for (const marked of [document.documentElement, document.body]) marks.observe(marked, { attributeFilter });
})();
