/* The graph: graphviz's drawing, which the reader can move and zoom, and in which objects can be selected.
 *
 * The visible part is a window in the coordinates of the drawing, its viewBox. A new drawing keeps the window, unless
 * the window showed the whole old drawing; then it shows the whole new one.
 */

const ZOOM_STEP = 1.25;
const PAN_STEP = 0.15;
const SMALLEST_LETTERS = 0.45;
const MARGIN = 12;

class GraphPane {
  constructor(app) {
    this.app = app;
    this.window = null;
    this.isWhole = true;
    this.stage = element("div", { class: "pmem-stage", tabindex: -1 });
    this.el = element("div", { class: "pmem-graph", role: "group", "aria-label": "graph of the objects", onkeydown: (event) => this.#onKey(event) },
      element("div", { class: "pmem-tools" },
        button("+", "zoom in", () => this.zoom(ZOOM_STEP)),
        button("−", "zoom out", () => this.zoom(1 / ZOOM_STEP)),
        button("⤢", "show all", () => this.fit())),
      this.stage);
    this.stage.addEventListener("pointerdown", (event) => this.#onDrag(event));
    this.stage.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    // The stage has a size only after the browser has laid it out; then the first window is chosen.
    new ResizeObserver(() => this.#onResize()).observe(this.stage);
  }

  setScene(scene) {
    this.scene = scene;
    const { svg, hint, alt } = scene.told;
    this.svg = null;
    if (!svg) {
      this.stage.replaceChildren(element("p", { class: "pmem-hint" }, `No graph: ${hint}.`));
      return;
    }
    const hadFocus = this.stage.contains(this.stage.getRootNode().activeElement);
    // The focus stays here while the drawing is replaced; see `Tree.draw`.
    if (hadFocus) this.stage.focus({ preventScroll: true });
    const drawn = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
    this.svg = document.importNode(drawn, true);
    this.svg.setAttribute("role", "group");
    this.svg.setAttribute("aria-label", alt);
    this.svg.removeAttribute("width");
    this.svg.removeAttribute("height");
    const [x, y, width, height] = this.svg.getAttribute("viewBox").split(/[ ,]+/).map(Number);
    this.whole = { x, y, width, height };
    this.groups = new Map();
    for (const group of this.svg.querySelectorAll("g.node")) {
      const id = group.id.replace(/^.*-/, "");
      if (!scene.has(id)) continue;
      this.groups.set(id, group);
      group.setAttribute("role", "button");
      group.setAttribute("aria-label", scene.title(id));
      group.dataset.object = id;
    }
    this.stage.replaceChildren(this.svg);
    if (this.isWhole || this.window === null) this.fit();
    else this.#apply();
    this.select(this.app.selected, hadFocus);
  }

  // ---- selecting ----

  select(id, withFocus = false) {
    if (!this.svg) return;
    this.svg.querySelectorAll(".pmem-halo").forEach((halo) => halo.remove());
    const chosen = this.groups.get(id);
    for (const [other, group] of this.groups) {
      group.setAttribute("tabindex", other === id || (!chosen && other === this.scene.order[0]) ? 0 : -1);
      group.setAttribute("aria-pressed", String(other === id));
    }
    if (!chosen) return;
    const box = chosen.getBBox();
    const halo = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const margin = 4;
    const size = { x: box.x - margin, y: box.y - margin, width: box.width + 2 * margin, height: box.height + 2 * margin, rx: 6 };
    for (const [name, value] of Object.entries(size)) halo.setAttribute(name, value);
    halo.setAttribute("class", "pmem-halo");
    chosen.prepend(halo);
    this.#bringIntoView(chosen);
    if (withFocus) chosen.focus({ preventScroll: true });
  }

  /* The rectangle of a node, in the coordinates of the drawing. */
  #rectangle(group) {
    const box = group.getBoundingClientRect();
    const back = this.svg.getScreenCTM()?.inverse();
    if (!back || !box.width) return null;
    const from = new DOMPoint(box.left, box.top).matrixTransform(back);
    const to = new DOMPoint(box.right, box.bottom).matrixTransform(back);
    return { left: from.x, top: from.y, right: to.x, bottom: to.y, x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
  }

  #bringIntoView(group) {
    const found = this.#rectangle(group);
    if (!found || this.isWhole) return;
    const { x, y, width, height } = this.window;
    // The window moves as little as possible; of a node that is too large it shows the beginning.
    const moved = (from, size, first, last) => Math.min(first - MARGIN, Math.max(from, last + MARGIN - size));
    this.window = { x: moved(x, width, found.left, found.right), y: moved(y, height, found.top, found.bottom), width, height };
    this.#apply();
  }

  /* The nearest node in a direction from the selected one. */
  #neighbour(dx, dy) {
    const own = this.groups.get(this.app.selected);
    const from = own && this.#rectangle(own);
    if (!from) return this.scene.order[0];
    let best = null;
    for (const [id, group] of this.groups) {
      const there = id === this.app.selected ? null : this.#rectangle(group);
      if (!there) continue;
      const along = (there.x - from.x) * dx + (there.y - from.y) * dy;
      const aside = Math.abs((there.x - from.x) * dy) + Math.abs((there.y - from.y) * dx);
      if (along > 1 && (best === null || along + 2 * aside < best.far)) best = { id, far: along + 2 * aside };
    }
    return best?.id ?? this.app.selected;
  }

  // ---- the window ----

  #onResize() {
    if (!this.svg || !this.stage.clientWidth) return;
    if (this.isWhole) this.fit();
    else this.#reshape();
    // Before this, the stage had no size, so there was no window.
    this.select(this.app.selected);
  }

  /* Show the whole drawing, or the part around the selected object if letters would become too small. */
  fit() {
    if (!this.svg) return;
    this.isWhole = true;
    const { clientWidth, clientHeight } = this.stage;
    const { x, y, width, height } = this.whole;
    this.window = { x, y, width, height };
    const scale = Math.min(clientWidth / width, clientHeight / height);
    if (clientWidth && scale < SMALLEST_LETTERS) {
      this.window = { x, y: y + height / 2 - clientHeight / SMALLEST_LETTERS / 2, width: clientWidth / SMALLEST_LETTERS, height: clientHeight / SMALLEST_LETTERS };
      this.isWhole = false;
    } else if (clientWidth && scale > 1) {
      // The drawing is never enlarged to fit.
      this.window = { x: x + width / 2 - clientWidth / 2, y: y + height / 2 - clientHeight / 2, width: clientWidth, height: clientHeight };
    }
    this.#apply();
    const chosen = this.groups?.get(this.app.selected);
    if (chosen) this.#bringIntoView(chosen);
  }

  /* Keep the scale when the stage has another shape. */
  #reshape() {
    const { x, y, width } = this.window;
    const height = (width * this.stage.clientHeight) / this.stage.clientWidth;
    this.window = { x, y, width, height };
    this.#apply();
  }

  zoom(factor, at = null) {
    if (!this.svg) return;
    const { x, y, width, height } = this.window;
    const fixed = at ?? { x: x + width / 2, y: y + height / 2 };
    const limit = Math.max(this.whole.width, this.whole.height, this.stage.clientWidth) * 4;
    const wider = Math.max(40, Math.min(limit, width / factor));
    const scale = wider / width;
    this.window = { x: fixed.x - (fixed.x - x) * scale, y: fixed.y - (fixed.y - y) * scale, width: wider, height: height * scale };
    this.isWhole = false;
    this.#apply();
  }

  pan(dx, dy) {
    if (!this.svg) return;
    const { x, y, width, height } = this.window;
    this.window = { x: x + dx * width, y: y + dy * height, width, height };
    this.isWhole = false;
    this.#apply();
  }

  #apply() {
    const { x, y, width, height } = this.window;
    this.svg.setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
  }

  // ---- actions of the reader ----

  #onWheel(event) {
    // Without the Ctrl key the wheel scrolls the page, as everywhere in a notebook.
    if (!this.svg || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    this.zoom(event.deltaY < 0 ? ZOOM_STEP : 1 / ZOOM_STEP, at);
  }

  #onDrag(event) {
    if (!this.svg || event.button !== 0) return;
    const start = { x: event.clientX, y: event.clientY, window: this.window };
    let moved = false;
    const move = (next) => {
      const scale = start.window.width / this.stage.clientWidth;
      const dx = next.clientX - start.x;
      const dy = next.clientY - start.y;
      if (!moved && Math.hypot(dx, dy) < 4) return;
      moved = true;
      this.isWhole = false;
      this.window = { ...start.window, x: start.window.x - dx * scale, y: start.window.y - dy * scale };
      this.#apply();
    };
    const end = (last) => {
      this.stage.removeEventListener("pointermove", move);
      this.stage.removeEventListener("pointerup", end);
      this.stage.removeEventListener("pointercancel", end);
      this.stage.classList.remove("pmem-dragged");
      const id = moved || last.type === "pointercancel" ? null : event.target.closest?.("g.node")?.dataset.object;
      if (id) {
        this.app.jump(id);
        this.groups.get(id)?.focus({ preventScroll: true });
      }
    };
    this.stage.classList.add("pmem-dragged");
    this.stage.setPointerCapture(event.pointerId);
    this.stage.addEventListener("pointermove", move);
    this.stage.addEventListener("pointerup", end);
    this.stage.addEventListener("pointercancel", end);
  }

  #onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || !this.svg) return;
    const directions = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const direction = directions[event.key];
    if (direction && event.shiftKey) this.pan(direction[0] * PAN_STEP, direction[1] * PAN_STEP);
    else if (direction) {
      const id = this.#neighbour(...direction);
      this.app.jump(id);
      this.groups.get(id)?.focus({ preventScroll: true });
    } else if (event.key === "+" || event.key === "=") this.zoom(ZOOM_STEP);
    else if (event.key === "-") this.zoom(1 / ZOOM_STEP);
    else if (event.key === "0") this.fit();
    else if ((event.key === "Enter" || event.key === " ") && event.target.closest("g.node")) this.app.jump(event.target.closest("g.node").dataset.object);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
