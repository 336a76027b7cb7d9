/* The selected object: its type, the references to it, its entries, and its bytes. */

class Details {
  constructor(app) {
    this.app = app;
    this.el = element("div", { class: "pmem-details", role: "region", "aria-label": "the selected object" });
  }

  draw(scene, id) {
    const node = scene.nodes[id];
    if (!node) {
      this.el.replaceChildren(element("p", { class: "pmem-hint" }, "Select an object in the tree or in the graph."));
      return;
    }
    const head = element("h4", {}, scene.title(id));
    const facts = element("p", {}, `${node.size} in the pool`);
    if (node.mark) facts.append(" · ", badge(node.mark));
    if (node.at) facts.append(` at ${node.at}`);
    const begin = scene.start.target === id ? null
      : button("focus on this object", `begin the tree and the graph at ${scene.title(id)}`, () => this.app.begin(id, scene.label(scene.homes.get(id).place)));
    if (begin) facts.append(" · ", begin);
    const entries = element("section", {}, element("h5", {}, "entries"), this.#entries(scene, node));
    const memory = scene.told.memories[id] ?? this.app.memories.get(id);
    const bytes = memory ? bytesOf(memory, scene, this.app) : element("p", { class: "pmem-hint" }, "Waiting for its bytes from the kernel …");
    this.el.replaceChildren(head, facts, node.damage ? element("p", { class: "pmem-damage" }, node.damage) : "", this.#referrers(scene, id),
      element("div", { class: "pmem-parts" }, entries, bytes));
  }

  #link(scene, id, text) {
    if (scene.has(id)) return button(text, `go to ${scene.title(id)}`, () => this.app.jump(id, true), { class: "pmem-jump" });
    return button(`${text} …`, `focus on this ${text}, which is not shown`, () => this.app.begin(id, text), { class: "pmem-jump" });
  }

  #referrers(scene, id) {
    const found = scene.references.get(id) ?? [];
    const told = found.map(({ place, from }) => (from === null ? element("span", {}, scene.label(place))
      : this.#link(scene, from, `${scene.nodes[from].type}${scene.numbers.has(from) ? ` #${scene.numbers.get(from)}` : ""} › ${scene.label(place)}`)));
    const items = told.flatMap((each, at) => (at ? [", ", each] : [each]));
    return element("p", {}, found.length > 1 ? `${found.length} references, from ` : "reference from ", ...items);
  }

  #entries(scene, node) {
    const rows = node.slots.map(([label, text, target, key, note]) => element("tr", { class: note ? "pmem-said" : null },
      element("th", { scope: "row" }, key ? this.#link(scene, key, label) : label),
      element("td", {}, target ? this.#link(scene, target, scene.has(target) ? scene.title(target) : text) : text, note ? ` ${note === "added" ? "+" : "~"} ${note}` : "")));
    rows.push(...node.gone.map((text) => element("tr", { class: "pmem-gone" }, element("td", { colspan: 2 }, `− ${text}`))));
    if (node.more) rows.push(element("tr", {}, element("td", { colspan: 2 },
      button(`+${node.more.toLocaleString("en")} more`, "show more entries of each object", () => this.app.more(), { class: "pmem-jump" }))));
    return element("table", { "aria-label": "entries" }, element("tbody", {}, ...rows));
  }
}
