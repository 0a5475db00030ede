/** The colours of a view: those asked for, else those of the page it is in, else the system's. */

// How pages tell theirs: frame.js to those in frames, JupyterLab, VS Code, Colab.
const PAGE_MARKS = ["data-ari-theme", "data-jp-theme-light", "class", "theme"];
const DARK_PAGE = 'body:is([data-ari-theme=dark],[data-jp-theme-light=false],.vscode-dark),html[theme=dark]>body';
const LIGHT_PAGE = 'body:is([data-ari-theme=light],[data-jp-theme-light=true],.vscode-light),html[theme=light]>body';

/** Keeps an element's `data-theme` "light" or "dark"; `changed` is called after each.
 *
 * `wanted` is one of the two, or else "auto". Returns what ends it.
 */
export function followTheme(element, wanted, changed = () => {}) {
  const { documentElement: root, body, defaultView: window } = element.ownerDocument;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const around = () => (body.matches(DARK_PAGE) || (system.matches && !body.matches(LIGHT_PAGE)) ? "dark" : "light");
  const follow = () => {
    const theme = wanted === "light" || wanted === "dark" ? wanted : around();
    if (theme === element.dataset.theme) return;
    element.dataset.theme = theme;
    changed();
  };
  const marks = new window.MutationObserver(follow);
  for (const marked of [root, body]) marks.observe(marked, { attributeFilter: PAGE_MARKS });
  system.addEventListener("change", follow);
  follow();
  return () => {
    marks.disconnect();
    system.removeEventListener("change", follow);
  };
}
