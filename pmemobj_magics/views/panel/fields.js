/* What the fields of the panel hold at the moment of a press.
 *
 * ipywidgets holds back the changes of a field while the kernel has not taken an earlier one, but not the press of a
 * button. So the press could arrive first, and the act would use what stood in the field before. The values are sent
 * with a message of their own, just before the press, which nothing holds back.
 *
 * Only fields that somebody has used since the last press are sent, in the order of their use. Of all others the kernel
 * knows more than the page does: what it has put into a field may not have arrived here yet.
 */

const FIELDS = ".widget-text, .widget-combobox, .widget-dropdown, .widget-select, .widget-checkbox";

class Fields {
  constructor(panel) {
    this.panel = panel;
    /* The fields that were used, in order; each has its control, and what it held then. */
    this.used = new Map();
    this.use = this.use.bind(this);
    for (const kind of ["input", "change"]) panel.addEventListener(kind, this.use, true);
  }

  /* What the kernel puts into a field makes no such event. */
  use(event) {
    const control = event.target;
    const place = control.closest?.(FIELDS);
    const label = place && (place.querySelector("label, .widget-label")?.textContent.trim() || place.textContent.trim());
    if (!label) return;
    this.used.delete(label);
    this.used.set(label, { control, held: contentOf(control) });
  }

  /* The used fields by their labels; from now on, none has been used. */
  take() {
    const fields = {};
    for (const [label, { control, held }] of this.used) {
      const content = contentOf(control);
      // The kernel empties a field after a change, and this may arrive when the next text has been written.
      fields[label] = content === "" ? held : content;
    }
    this.used.clear();
    return fields;
  }

  stop() {
    for (const kind of ["input", "change"]) this.panel.removeEventListener(kind, this.use, true);
  }
}

function contentOf(control) {
  if (control.type === "checkbox") return control.checked;
  return control.tagName === "SELECT" ? control.selectedOptions[0]?.textContent ?? "" : control.value;
}
