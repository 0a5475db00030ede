/** Unpacks what a page holds, a view with its data or a page of its own; says so where it cannot. */
(() => {
  const root = document.getElementById("ari-root");
  const source = `<!doctype html>\n${document.documentElement.outerHTML}`;
  root.textContent = "";
  const say = (text) => {
    root.textContent = text;
    root.style.cssText = "font:13px/1.5 sans-serif;padding:12px";
  };
  const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const unpacked = ({ textContent: text }) => {
    const bytes = Uint8Array.fromBase64 ? Uint8Array.fromBase64(text) : bytesOf(text);
    const unpacking = new Response(bytes).body.pipeThrough(new DecompressionStream("deflate"));
    return new Response(unpacking).json();
  };
  const add = (kind, text) => {
    document.head.appendChild(document.createElement(kind)).textContent = text;
  };
  const mounted = (code, data) => {
    add("style", code.style);
    add("script", code.script);
    const mount = globalThis.ariMount;
    if (!mount) throw new Error("its script was not run");
    globalThis.ariView = mount(root, data[0], { ...data[1], page: source });
  };
  const show = ([code, data]) => {
    if (typeof code === "string") {
      document.open();
      document.write(code);
      document.close();
    } else {
      mounted(code, data);
    }
    // The page around a frame shows a static picture until then, and tells the theme.
    parent.postMessage("ari-shown", "*");
  };
  addEventListener("message", ({ source, data }) => {
    if (source === parent && data?.ariTheme) document.body.dataset.ariTheme = data.ariTheme;
  });
  if (!globalThis.DecompressionStream) {
    say("This view needs a newer browser: Chrome 80, Firefox 113, Safari 16.4 or later.");
    return;
  }
  Promise.all([...document.querySelectorAll("script[id]")].map(unpacked))
    .then(show)
    .catch((error) => say(`This view cannot be shown: ${error.message}`));
})();
