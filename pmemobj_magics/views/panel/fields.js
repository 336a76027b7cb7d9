/* What somebody has written into the fields of the panel since the last press.
 *
 * ipywidgets holds back the changes of a field while the kernel has not taken an earlier one, but not the press of a
 * button; and ipykernel may take two messages to widgets in either order. So the press could come first, and the act
 * would use what stood in the field before. Therefore each press brings along what the fields hold.
 *
 * Only fields that somebody has used since the last press are sent, in the order of their use. Of all others the kernel
 * knows more than the page does: what it has put into a field may not have arrived here yet.
 *
 * After an act the kernel empties its fields, and this, too, may be late: when somebody writes the next text already.
 * That text stays. The kernel is told of the first use of a field after a press, so that it knows that what follows is
 * new and not the text that it has used.
 */

const FIELDS = ".widget-text, .widget-combobox, .widget-dropdown, .widget-select, .widget-checkbox";

class Fields {
  /* `tell` sends a message to the kernel. */
  constructor(panel, tell) {
    this.panel = panel;
    this.tell = tell;
    /* The controls of the fields that were used, by their labels, in order. */
    this.used = new Map();
    this.guarded = new WeakSet();
    this.isSaying = false;
    this.use = this.use.bind(this);
    for (const kind of ["input", "change"]) panel.addEventListener(kind, this.use, true);
  }

  /* What the kernel puts into a field makes no such event. */
  use(event) {
    if (this.isSaying) return;
    const control = event.target;
    const place = control.closest?.(FIELDS);
    const label = place && (place.querySelector("label, .widget-label")?.textContent.trim() || place.textContent.trim());
    if (!label) return;
    if (!this.used.has(label)) this.tell({ used: label });
    this.used.delete(label);
    this.used.set(label, control);
    if (control.type === "text") this.guard(control);
  }

  /* What a person writes into this control stays until the next press, whatever the kernel has to say about the last
   * one. Only another choice that the person makes may fill it, such as that of a template. */
  guard(control) {
    if (this.guarded.has(control)) return;
    this.guarded.add(control);
    const { get, set } = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value");
    const say = (control) => {
      this.isSaying = true;
      control.dispatchEvent(new Event("input", { bubbles: true }));
      this.isSaying = false;
    };
    const mayChange = (text) => {
      const used = [...this.used.values()];
      return !used.includes(control) || (text !== "" && used.at(-1).tagName === "SELECT");
    };
    Object.defineProperty(control, "value", {
      configurable: true,
      get,
      set(text) {
        if (text === get.call(this)) return;
        if (mayChange(text)) set.call(this, text);
        // The kernel and the widget believe now that it holds the other text.
        else setTimeout(() => say(control));
      },
    });
  }

  /* The used fields by their labels; from now on, none has been used. */
  take() {
    const fields = {};
    for (const [label, control] of this.used) fields[label] = contentOf(control);
    this.used.clear();
    return fields;
  }

  stop() {
    for (const kind of ["input", "change"]) this.panel.removeEventListener(kind, this.use, true);
    this.used.clear();
  }
}

function contentOf(control) {
  if (control.type === "checkbox") return control.checked;
  return control.tagName === "SELECT" ? control.selectedOptions[0]?.textContent ?? "" : control.value;
}
