/* What the fields of the panel hold at the moment of a press.
 *
 * ipywidgets holds back the changes of a field while the kernel has not taken an earlier one, but not the press of a
 * button. So the press could arrive first, and the act would use what stood in the field before. The values are sent
 * with a message of their own, just before the press, which nothing holds back.
 */

const FIELDS = ".widget-text, .widget-combobox, .widget-dropdown, .widget-select, .widget-checkbox";

function fieldsOf(panel) {
  const fields = {};
  for (const place of panel.querySelectorAll(FIELDS)) {
    const control = place.querySelector("input, select");
    const label = place.querySelector("label, .widget-label")?.textContent.trim() || place.textContent.trim();
    if (!control || !label) continue;
    if (control.type === "checkbox") fields[label] = control.checked;
    else if (control.tagName === "SELECT") fields[label] = control.selectedOptions[0]?.textContent ?? "";
    else fields[label] = control.value;
  }
  return fields;
}
