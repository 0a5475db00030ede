/** The explorer as a widget: what is selected goes to Python, what Python sets is shown. */

import { mount } from "./explorer.js";
import { restoredDocument } from "./squeeze.js";

/** Show a widget's model in an element; returns what ends it. */
export function renderExplorer({ model, el }) {
  const given = () => restoredDocument(model.get("document"));
  const options = { height: model.get("height"), theme: model.get("theme"), page: null };
  const view = mount(el, given(), options);
  view.onSelect((id) => {
    if (id === model.get("selected")) return;
    model.set("selected", id);
    model.save_changes();
  });
  const actions = {
    document: () => view.setDocument(given()),
    selected: () => view.selected !== model.get("selected") && view.select(model.get("selected")),
    focus: () => model.get("focus") !== null && view.focus(model.get("focus")),
    heat: () => view.setHeat(model.get("heat")),
  };
  if (model.get("selected") !== null) actions.selected();
  for (const [name, act] of Object.entries(actions)) model.on(`change:${name}`, act);
  return () => {
    for (const [name, act] of Object.entries(actions)) model.off(`change:${name}`, act);
    view.destroy();
  };
}
