/* The explorer: above are the head, the search and the path; below are the tree, the graph and the selected object.
 *
 * The page has a complete scene. It needs the kernel for three things only: another beginning, more entries, and the
 * latest changes. It asks by setting a trait, and the answer is another scene. Everything else works without a kernel.
 */

const PATIENCE = 4000;
const HISTORY = 100;
const HELP = [
  ["tree", "↑ ↓ move, → unfolds, ← folds, Enter follows a reference, * unfolds all objects of this level"],
  ["graph", "arrow keys select the next object, Shift+arrow keys move the graph, + zooms in, − zooms out, 0 shows all; or drag, and Ctrl+wheel"],
  ["anywhere", "/ searches (Enter: next, Shift+Enter: previous, Esc: end), Backspace goes back, ? shows this help"],
  ["beside the notebook", "in JupyterLab, right-click the explorer and choose Create New View for Output"],
];

function render({ model, el }) {
  let scene = new Scene(model.get("scene"));
  let found = -1;
  let waiting = null;
  const past = [];

  const app = {
    selected: model.get("selected"), wanted: "", matches: [],
    // The memory of objects that the kernel was asked for; the memory of many objects is in the scene.
    memories: new Map(),
    choose: (place, id) => select(id, place),
    jump: (id, withFocus = false) => { select(id, scene.homes.get(id)?.place); if (withFocus) tree.focus(); },
    begin: (id, label) => { const trail = model.get("trail"); ask("trail", [...trail, { id, label }]); },
    more: () => ask("max_items", Math.min(500, (model.get("scene").items ?? 20) * 4)),
  };
  const tree = new Tree(app);
  const graph = new GraphPane(app);
  const details = new Details(app);

  // ---- the head ----

  const state = element("span", { class: "pmem-state" });
  const footer = element("span", {});
  const note = element("p", { class: "pmem-note", role: "status", "aria-live": "polite" });
  const back = button("←", "back", goBack);
  const search = element("input", { type: "search", placeholder: "search", "aria-label": "search the shown objects",
    oninput: () => find(search.value), onkeydown: onSearchKey });
  const count = element("span", { class: "pmem-count", role: "status", "aria-live": "polite" });
  const help = element("dl", { class: "pmem-help", hidden: "" }, ...HELP.flatMap(([what, text]) => [element("dt", {}, what), element("dd", {}, text)]));
  const helpButton = button("?", "help on keys", () => toggleHelp(), { "aria-expanded": "false" });
  const way = element("nav", { class: "pmem-way", "aria-label": "path to the selected object" });

  function toggleHelp() {
    help.hidden = !help.hidden;
    helpButton.setAttribute("aria-expanded", String(!help.hidden));
  }

  function drawHead() {
    const words = { open: "open", uncommitted: "uncommitted", busy: "in use", closed: "closed", failed: "not up to date" };
    const now = model.get("state");
    state.textContent = words[now] ?? now;
    state.className = `pmem-state pmem-state-${now}`;
    footer.textContent = scene.told.footer;
    note.textContent = model.get("note");
    back.setAttribute("aria-disabled", String(past.length === 0));
  }

  /* The path from the root, over the objects that the reader focused on, to the selected object. */
  function drawWay() {
    const steps = [];
    const trail = model.get("trail");
    if (trail.length) steps.push(button("root", "focus on the root", () => ask("trail", [])));
    trail.slice(0, -1).forEach((step, at) => steps.push(button(step.label, `focus on ${step.label}`, () => ask("trail", trail.slice(0, at + 1)))));
    for (const id of scene.way(app.selected)) {
      const label = scene.label(scene.homes.get(id).place);
      steps.push(button(label, `${label}: ${scene.title(id)}`, () => app.jump(id, true), { "aria-current": id === app.selected ? "true" : null }));
    }
    way.replaceChildren(...steps.flatMap((step, at) => (at ? [element("span", { "aria-hidden": "true" }, "›"), step] : [step])));
  }

  // ---- selecting ----

  function select(id, place) {
    if (!id) return;
    const before = app.selected;
    if (before && before !== id && scene.has(before)) {
      past.push(before);
      past.splice(0, past.length - HISTORY);
    }
    show(id, place);
    tell(id);
  }

  function show(id, place) {
    app.selected = id;
    if (place) tree.reveal(place);
    // Elements that are replaced below must not have the focus; see `Tree.draw`.
    const { activeElement } = box.getRootNode();
    if (details.el.contains(activeElement) || way.contains(activeElement)) tree.focus();
    graph.select(id);
    details.draw(scene, id);
    drawWay();
    drawHead();
  }

  function goBack() {
    let id = past.pop();
    while (id && !scene.has(id)) id = past.pop();
    drawHead();
    if (!id) return;
    show(id, scene.homes.get(id).place);
    tell(id);
    tree.focus();
  }

  // ---- searching ----

  function find(text) {
    app.wanted = text.trim().toLowerCase();
    app.matches = app.wanted ? scene.search(app.wanted) : [];
    found = -1;
    if (app.matches.length) step(1);
    else tree.draw();
    count.textContent = app.wanted && !app.matches.length ? "no match" : count.textContent;
    if (!app.wanted) count.textContent = "";
  }

  function step(by) {
    const { length } = app.matches;
    if (!length) return;
    found = (found + by + length) % length;
    const place = app.matches[found];
    const holder = scene.holder(place);
    const isHome = (id) => scene.homes.get(id)?.place === place;
    const target = place === START ? scene.start.target : scene.nodes[holder].slots[place.split("/")[1]][place.endsWith("k") ? 3 : 2];
    select(target && isHome(target) ? target : holder, place);
    tree.reveal(place);
    count.textContent = `${found + 1} of ${length}`;
  }

  function onSearchKey(event) {
    if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") { search.value = ""; find(""); tree.focus(); }
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // ---- the kernel ----

  function tell(id) {
    model.set("selected", id);
    save();
  }

  /* Whether the kernel is known to be dead. If the page cannot know it, a request gets no answer. */
  function isAlone() {
    const kernel = model.widget_manager?.kernel;
    return kernel === null || kernel?.isDisposed === true || kernel?.status === "dead";
  }

  function save() {
    if (!isAlone()) model.save_changes();
  }

  function ask(name, value) {
    model.set(name, value);
    save();
    clearTimeout(waiting);
    note.textContent = "waiting for the kernel …";
    const give = () => { note.textContent = "the kernel does not answer: it is busy or has died. You can still explore what is shown"; };
    if (isAlone()) give();
    else waiting = setTimeout(give, PATIENCE);
  }

  function onAnswer() {
    clearTimeout(waiting);
    drawHead();
  }

  function onMemory() {
    const told = model.get("memory");
    app.memories.set(told.id, told);
    if (told.id === app.selected) details.draw(scene, app.selected);
  }

  function onScene() {
    scene = new Scene(model.get("scene"));
    app.memories.clear();
    if (!scene.has(app.selected)) app.selected = scene.start.target ?? "";
    if (app.wanted) app.matches = scene.search(app.wanted);
    tree.setScene(scene);
    graph.setScene(scene);
    show(app.selected, null);
    onAnswer();
  }

  function onSelected() {
    const id = model.get("selected");
    if (id !== app.selected && scene.has(id)) show(id, scene.homes.get(id).place);
  }

  // ---- the whole ----

  function onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.tagName === "INPUT") return;
    if (event.key === "/") { search.focus(); search.select(); }
    else if (event.key === "Backspace") goBack();
    else if (event.key === "?") toggleHelp();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // JupyterLab does not apply its one-letter shortcuts to a focused element with this attribute; it looks at no other element.
  const mark = (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true");
  const box = element("div", { class: "pmem-explorer", role: "application", "aria-roledescription": "explorer", "aria-label": "explorer of the pool",
    onfocusin: mark, onkeydown: onKey },
    element("div", { class: "pmem-head" }, state, footer, element("span", { class: "pmem-gap" }), back, search, count, helpButton),
    help, note, way,
    element("div", { class: "pmem-panes" }, tree.el, graph.el, details.el));
  el.append(box);

  if (!scene.has(app.selected)) app.selected = scene.start.target ?? "";
  tree.setScene(scene);
  graph.setScene(scene);
  show(app.selected, null);

  const listeners = { "change:scene": onScene, "change:state": onAnswer, "change:note": onAnswer, "change:trail": drawWay, "change:selected": onSelected, "change:memory": onMemory };
  for (const [name, listener] of Object.entries(listeners)) model.on(name, listener);
  return () => {
    clearTimeout(waiting);
    for (const [name, listener] of Object.entries(listeners)) model.off(name, listener);
  };
}

export default { render };
