/* The tree: rows that fold and unfold, with the mouse and with the usual keys of a tree. */

const FIRST_UNFOLDED = 3;
const FIRST_ROWS = 60;

class Tree {
  /* `app` has the actions of the reader: choose(place), jump(id), more() for more entries, begin(id) to focus. */
  constructor(app) {
    this.app = app;
    this.open = new Set();
    this.current = START;
    this.rows = [];
    this.elements = new Map();
    this.el = element("div", { class: "pmem-tree", role: "tree", "aria-label": "objects of the pool", onkeydown: (event) => this.#onKey(event) });
  }

  /* Show another scene; unfolded objects stay unfolded. Another beginning, such as a new root, is unfolded at first. */
  setScene(scene) {
    const isNew = !this.scene?.has(scene.start.target);
    this.scene = scene;
    if (isNew) {
      let rows = 1;
      for (const id of scene.order) {
        rows += scene.nodes[id].slots.length;
        if (scene.way(id).length > FIRST_UNFOLDED || (rows > FIRST_ROWS && id !== scene.order[0])) break;
        this.open.add(id);
      }
    }
    this.draw();
  }

  /* Unfold the objects around a place, and make it the current place. */
  reveal(place) {
    const home = place === START ? [] : this.scene.way(this.scene.holder(place));
    home.forEach((id) => this.open.add(id));
    this.current = place;
    this.draw();
    this.#row()?.scrollIntoView?.({ block: "nearest" });
  }

  focus() {
    this.#row()?.focus();
  }

  // ---- rows ----

  #rowsBelow(id, level, rows) {
    const { scene } = this;
    const node = scene.nodes[id];
    const more = node.more ? 1 : 0;
    const keys = node.slots.filter((slot) => slot[3]).length;
    const size = node.slots.length + keys + more;
    let position = 0;
    const add = (row) => rows.push({ ...row, level, size, position: (position += 1), holder: id });
    node.slots.forEach(([label, text, target, key, note], at) => {
      for (const [column, meant] of [["k", key], ["v", target]]) {
        if (column === "k" && !key) continue;
        const place = `${id}/${at}/${column}`;
        const name = column === "k" ? `key ${label}` : label;
        const said = column === "v" ? note : "";
        if (!meant) add({ place, label: name, text, kind: "value", said });
        else if (!scene.has(meant)) add({ place, label: name, text: `${column === "k" ? label : text} …`, kind: "hidden", target: meant, said });
        else if (scene.homes.get(meant).place !== place) add({ place, label: name, text: scene.title(meant), kind: "link", target: meant, said });
        else {
          add({ place, label: name, text: scene.title(meant), kind: "home", target: meant, said });
          if (this.open.has(meant)) this.#rowsBelow(meant, level + 1, rows);
        }
      }
    });
    if (more) add({ place: `${id}/more`, label: `+${node.more.toLocaleString("en")} more`, text: "", kind: "more" });
  }

  #allRows() {
    const { start } = this.scene;
    const top = { place: START, level: 1, size: 1, position: 1, label: start.label, target: start.target };
    if (!this.scene.has(start.target)) return [{ ...top, text: start.text, kind: start.target ? "hidden" : "value" }];
    const rows = [{ ...top, text: this.scene.title(start.target), kind: "home" }];
    if (this.open.has(start.target)) this.#rowsBelow(start.target, 2, rows);
    return rows;
  }

  /* A row that stays keeps its element, and a focused element leaves the page only after another element has the
   * focus. Otherwise JupyterLab would move the focus to a cell. */
  draw() {
    const hadFocus = this.el.contains(this.el.getRootNode().activeElement);
    this.rows = this.#allRows();
    const isThere = (place) => this.rows.some((row) => row.place === place);
    if (!isThere(this.current)) this.current = this.scene.homes.get(this.app.selected)?.place ?? START;
    if (!isThere(this.current)) this.current = START;
    const before = this.elements;
    this.elements = new Map();
    let next = this.el.firstChild;
    for (const row of this.rows) {
      const made = before.get(row.place) ?? element("div", { role: "treeitem", class: "pmem-row", onclick: (event) => this.#onClick(event, row.place) });
      this.#fill(made, row);
      this.elements.set(row.place, made);
      before.delete(row.place);
      if (made === next) next = next.nextSibling;
      else this.el.insertBefore(made, next);
    }
    if (hadFocus) this.focus();
    before.forEach((made) => made.remove());
  }

  #fill(made, row) {
    const { scene, app } = this;
    const node = row.target ? scene.nodes[row.target] : null;
    const expandable = row.kind === "home" && (node.slots.length > 0 || node.more > 0);
    const isOpen = expandable && this.open.has(row.target);
    const mark = row.kind === "home" ? badge(node.mark) : "";
    const said = row.said ? element("span", { class: "pmem-said" }, ` ${row.said === "added" ? "+" : "~"} ${row.said}`) : "";
    const damage = row.kind === "home" && node.damage ? element("span", { class: "pmem-damage" }, ` ${node.damage}`) : "";
    const sign = { home: expandable ? (isOpen ? "▾" : "▸") : "·", link: "↪", hidden: "↧", more: "⋯", value: "" }[row.kind];
    const label = element("span", { class: "pmem-label" }, ...marked(row.label, app.wanted));
    const text = row.text ? element("span", { class: `pmem-${row.kind}` }, ...marked(row.text, app.wanted)) : "";
    made.replaceChildren(element("span", { class: "pmem-sign", "aria-hidden": "true" }, sign), label, text ? ": " : "", text, said, mark, damage);
    made.classList.toggle("pmem-match", app.matches.includes(row.place));
    made.style.paddingLeft = `${(row.level - 1) * 1.1 + 0.2}em`;
    const attributes = {
      "data-place": row.place,
      tabindex: row.place === this.current ? 0 : -1,
      "aria-level": row.level, "aria-setsize": row.size, "aria-posinset": row.position,
      "aria-selected": String(row.kind === "home" && row.target === app.selected),
      "aria-expanded": expandable ? String(isOpen) : null,
      title: { link: "shown elsewhere; Enter goes there", hidden: "not shown; Enter focuses on it", more: "Enter shows more entries" }[row.kind],
    };
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined) made.removeAttribute(name);
      else made.setAttribute(name, value);
    }
  }

  #row() {
    return this.elements.get(this.current);
  }

  // ---- actions of the reader ----

  #onClick(event, place) {
    const row = this.rows.find((each) => each.place === place);
    if (event.target.classList.contains("pmem-sign") && row.kind === "home") this.#fold(row, !this.open.has(row.target));
    else if (["link", "hidden", "more"].includes(row.kind)) this.#act(row);
    else this.#go(row);
    this.focus();
  }

  #go(row) {
    this.current = row.place;
    this.app.choose(row.place, row.kind === "home" ? row.target : row.holder);
    this.draw();
    this.#row()?.scrollIntoView?.({ block: "nearest" });
  }

  #fold(row, open) {
    if (open) this.open.add(row.target);
    else this.open.delete(row.target);
    this.current = row.place;
    this.draw();
  }

  /* The action of Enter: follow a reference, focus on an object, show more entries, or fold. */
  #act(row) {
    if (row.kind === "link") this.app.jump(row.target);
    else if (row.kind === "hidden") this.app.begin(row.target, `${row.label}`);
    else if (row.kind === "more") this.app.more();
    else if (row.kind === "home") this.#fold(row, !this.open.has(row.target));
  }

  #onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const at = this.rows.findIndex((row) => row.place === this.current);
    const row = this.rows[at];
    const go = (number) => this.#go(this.rows[Math.max(0, Math.min(this.rows.length - 1, number))]);
    const isOpen = row.kind === "home" && this.open.has(row.target);
    const actions = {
      ArrowDown: () => go(at + 1),
      ArrowUp: () => go(at - 1),
      Home: () => go(0),
      End: () => go(this.rows.length - 1),
      ArrowRight: () => (row.kind === "home" ? (isOpen ? go(at + 1) : this.#fold(row, true)) : this.#act(row)),
      ArrowLeft: () => (isOpen ? this.#fold(row, false) : go(this.rows.findLastIndex((other, number) => number < at && other.level < row.level))),
      Enter: () => this.#act(row),
      " ": () => this.#act(row),
      "*": () => { this.rows.filter((other) => other.kind === "home" && other.level === row.level).forEach((other) => this.open.add(other.target)); this.draw(); },
    };
    if (!actions[event.key]) return;
    actions[event.key]();
    this.focus();
    event.preventDefault();
    event.stopPropagation();
  }
}
