/* The explorer of %pmem_watch. (Its scripts stand one after another in one module; `explorer.js` is the last and puts
 * them together.) Here: making elements. Nothing ever becomes markup that came out of a pool; it is text.
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

/* With the parts that match what is searched for set apart. */
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

/* What is new or changed, in a word; dashed is what is not committed. */
function badge(mark) {
  if (!mark) return "";
  const isNew = mark.startsWith("new") || mark.startsWith("added");
  return element("span", { class: `pmem-mark${isNew ? " pmem-mark-new" : ""}${mark.includes("uncommitted") ? " pmem-mark-open" : ""}` }, mark);
}
