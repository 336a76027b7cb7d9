/* A message beside a control. The box stays in the page, so that a screen reader reads what is put into it. */

const WORDS = { done: "✓", found: "✗", error: "✗", note: "·" };

function render({ model, el }) {
  const box = document.createElement("div");
  box.className = "pmem-message";
  box.setAttribute("role", "status");
  box.setAttribute("aria-live", "polite");
  el.append(box);

  const line = (tag, name, text) => {
    const made = document.createElement(tag);
    made.className = name;
    made.textContent = text;
    return made;
  };

  function show() {
    const told = model.get("told");
    box.className = `pmem-message ${told.kind ? `pmem-message-${told.kind}` : ""}`;
    // An error interrupts what a screen reader is reading.
    box.setAttribute("aria-live", told.kind === "error" ? "assertive" : "polite");
    if (!told.kind) return box.replaceChildren();
    const what = line("p", "pmem-message-what", "");
    const sign = line("span", "pmem-message-sign", WORDS[told.kind] ?? "");
    sign.setAttribute("aria-hidden", "true");
    what.append(sign, ` ${told.what}`);
    const parts = [what];
    if (told.why) parts.push(line("p", "pmem-message-why", told.why));
    if (told.todo) parts.push(line("p", "pmem-message-todo", `→ ${told.todo}`));
    if (told.more) parts.push(line("pre", "pmem-message-more", told.more));
    if (told.code) {
      const code = line("pre", "pmem-message-code", told.code);
      code.setAttribute("aria-label", "the same as code");
      parts.push(code);
    }
    box.replaceChildren(...parts);
  }

  model.on("change:told", show);
  show();
  return () => model.off("change:told", show);
}

export default { render };
