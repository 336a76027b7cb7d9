/* Make elements for the explorer of %pmem_watch. (Its scripts are joined to one module; `explorer.js` is the last.)
 * Data from a pool is always inserted as text and never as markup.
 */

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

function button(text, label, action, more = {}) {
  return element("button", { type: "button", title: label, "aria-label": label, onclick: action, ...more }, text);
}

/* A text, in which the matches of the search are marked. */
function marked(text, wanted) {
  if (!wanted) return [text];
  const found = [];
  const lower = text.toLowerCase();
  let at = 0;
  for (let next = lower.indexOf(wanted); next >= 0; next = lower.indexOf(wanted, at)) {
    found.push(text.slice(at, next), element("mark", {}, text.slice(next, next + wanted.length)));
    at = next + wanted.length;
  }
  return [...found, text.slice(at)];
}

/* A badge for a new or changed object; its border is dashed while the change is uncommitted. */
function badge(mark) {
  if (!mark) return "";
  const isNew = mark.startsWith("new") || mark.startsWith("added");
  return element("span", { class: `pmem-mark${isNew ? " pmem-mark-new" : ""}${mark.includes("uncommitted") ? " pmem-mark-open" : ""}` }, mark);
}
