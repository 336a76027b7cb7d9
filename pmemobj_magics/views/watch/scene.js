/* A scene from the kernel, and questions about it.
 *
 * Objects are named o123. Each object is shown at one place, its home, to which the shortest path from the start leads.
 * A place is a slot of an object (`o123/4/v` for its value, `o123/4/k` for its key) or `start`.
 */

const START = "start";

class Scene {
  constructor(told) {
    this.start = { label: told.start[0], text: told.start[1], target: told.start[2] };
    this.nodes = told.nodes;
    this.told = told;
    this.homes = new Map();
    this.references = new Map();
    this.order = [];
    this.#walk();
    const shared = this.order.filter((id) => this.references.get(id).length > 1);
    this.numbers = new Map(shared.map((id, at) => [id, at + 1]));
  }

  #walk() {
    const meet = (id, place, from) => {
      if (!this.nodes[id]) return;
      if (!this.references.has(id)) {
        this.references.set(id, []);
        this.homes.set(id, { place, from });
        this.order.push(id);
      }
      this.references.get(id).push({ place, from });
    };
    meet(this.start.target, START, null);
    for (let at = 0; at < this.order.length; at += 1) {
      const id = this.order[at];
      this.nodes[id].slots.forEach(([, , target, key], slot) => {
        if (key) meet(key, `${id}/${slot}/k`, id);
        if (target) meet(target, `${id}/${slot}/v`, id);
      });
    }
  }

  has(id) {
    return this.homes.has(id);
  }

  /* The object that a place belongs to. */
  holder(place) {
    return place === START ? this.start.target : place.split("/")[0];
  }

  /* The name of a place within its object. */
  label(place) {
    if (place === START) return this.start.label;
    const [id, at, column] = place.split("/");
    const label = this.nodes[id].slots[at][0];
    return column === "k" ? `key ${label}` : label;
  }

  /* The objects on the path from the start to this one. */
  way(id) {
    const found = [];
    for (let at = id; at && this.homes.has(at); at = this.homes.get(at).from) found.unshift(at);
    return found;
  }

  title(id) {
    const node = this.nodes[id];
    const number = this.numbers.has(id) ? ` #${this.numbers.get(id)}` : "";
    return `${node.type}${number}${node.text ? `, ${node.text}` : ""}`;
  }

  /* Every place whose text contains `wanted` (in lower case), in the order of the objects. */
  search(wanted) {
    const has = (text) => text.toLowerCase().includes(wanted);
    const found = [];
    if (!this.start.target && has(`${this.start.label}: ${this.start.text}`)) found.push(START);
    for (const id of this.order) {
      const node = this.nodes[id];
      if (has(`${this.label(this.homes.get(id).place)}: ${this.title(id)} ${node.damage}`)) found.push(this.homes.get(id).place);
      node.slots.forEach(([label, text, target], at) => {
        const place = `${id}/${at}/v`;
        const isHome = target && this.homes.get(target)?.place === place;
        if (!isHome && has(`${label}: ${text}`)) found.push(place);
      });
    }
    return found;
  }
}
