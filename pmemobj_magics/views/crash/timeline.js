/* The timeline of a recorded cell; it needs no kernel.
 *
 * Everything that is shown is in `data` (see widget.py). The state consists of the number of the step and the fate of
 * the unfenced data; `show` draws both. The slider is a plain range input, so it works with the keyboard and with
 * screen readers.
 */

const KINDS = { store: "●", flush: "↧", fence: "‖", program: "·" };
const CAPTION = "Each column is one step; its letter is the worst outcome of the simulated crashes just before this step.";
const MILLISECONDS_A_STEP = 700;
/* Below this width in pixels, everything is in one column. */
const NARROW = 700;

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function chip(letter, sign, title) {
  const made = element("code", { class: `pmem-chip pmem-sign-${letter}`, title: title ?? sign.meaning }, letter);
  made.style.background = sign.colour;
  return made;
}

/* The width of a picture, from its own attribute. */
function widthOf(svg) {
  return Number(/ width="([\d.]+)/.exec(svg)?.[1] ?? 0);
}

/* Replace the contents of an element. */
function fill(place, ...children) {
  place.replaceChildren(...children);
}

function render({ model, el }) {
  const data = model.get("data");
  const last = data.steps.length - 1;
  const clamp = (at) => Math.max(0, Math.min(last, at));
  let at = clamp(model.get("step") ?? 0);
  let fate = data.example ? "example" : "kept";
  let playing = null;

  // ---- parts that do not change ----

  const slider = element("input", {
    type: "range", min: 0, max: last, value: at, class: "pmem-slider", "aria-label": "step before which the power is cut",
    oninput: () => { stop(); go(Number(slider.value)); },
  });
  const button = (text, label, action) => element("button", { type: "button", title: label, "aria-label": label, onclick: action }, text);
  const play = button("▶", "play", () => (playing === null ? start() : stop()));
  const controls = element("div", { class: "pmem-controls" },
    button("«", "first step", () => { stop(); go(0); }),
    button("‹", "one step back", () => { stop(); go(at - 1); }),
    play,
    button("›", "one step forward", () => { stop(); go(at + 1); }),
    button("»", "last step", () => { stop(); go(last); }),
    slider);

  const strip = element("div", { class: "pmem-strip", "aria-hidden": "true" });
  const cells = data.steps.map((step, number) => {
    const worst = ["X", "n", "o", "?"].find((letter) => step.results.includes(letter));
    const title = `${step.number}: ${step.title}${worst ? `, ${data.outcomes[worst].meaning}` : ""}`;
    const cell = element("span", { title, onclick: () => { stop(); go(number); } }, KINDS[step.kind], element("b", {}, worst ?? " "));
    if (worst) cell.style.background = data.outcomes[worst].colour;
    if (worst) cell.style.color = "#000";
    strip.append(cell);
    return cell;
  });

  const group = `pmem-fate-${Math.random().toString(36).slice(2)}`;
  const fates = { lost: "all of it is lost", kept: "none of it is lost" };
  if (data.example) fates.example = "the smallest counterexample";
  const radios = Object.fromEntries(Object.keys(fates).map((name) => [name, element("input", {
    type: "radio", name: group, value: name, onchange: () => { fate = name; if (name === "example") at = data.example.at; show(); },
  })]));
  const choice = element("fieldset", { class: "pmem-fates" }, element("legend", {}, "Unfenced data in this power cut"),
    ...Object.entries(fates).map(([name, text]) => element("label", {}, radios[name], ` ${text} `)));

  const code = element("pre", { class: "pmem-code" });
  const codeLines = new Map(data.code.map(([number, text]) => {
    const line = element("span", {}, `${String(number).padStart(3)}  ${text}`);
    code.append(line);
    return [number, line];
  }));
  const headline = element("p", { class: "pmem-headline", "aria-live": "polite" });
  const lines = element("div", {});
  const undo = element("div", {});
  const results = element("p", {});
  const pictures = element("div", { class: "pmem-pictures" });
  const legend = element("p", { class: "pmem-legend" },
    ...Object.entries(data.signs).flatMap(([letter, sign]) => [chip(letter, sign), ` ${sign.meaning}  `]),
    element("br"),
    ...Object.entries(data.outcomes).flatMap(([letter, sign]) => [chip(letter, sign), ` ${sign.meaning}  `]),
    element("br"), "● store  ↧ flush  ‖ fence  · remark of the program");

  // ---- parts that change ----

  function cutOf(step) {
    if (fate === "example" && data.example && data.steps[data.example.at] === step) return data.example;
    return fate === "lost" ? step.lost : step.kept;
  }

  function signOf(step, line) {
    if (line.sign === "S") return "S";
    if (fate === "example" && data.example && data.steps[data.example.at] === step)
      return data.example.lines_lost.includes(line.offset) ? "L" : line.sign;
    return fate === "lost" ? "L" : line.sign;
  }

  function chips(step, byLibrary) {
    const found = step.lines.filter((line) => line.by_library === byLibrary);
    if (!found.length) return ["none"];
    return found.map((line) => {
      const sign = signOf(step, line);
      return chip(sign, data.signs[sign], sign === "L" ? `${line.told}; lost in this power cut` : line.told);
    });
  }

  function picture(title, letter, missing, widest) {
    const figure = element("figure", {}, element("figcaption", {}, element("strong", {}, letter ? `${title}: ${letter}` : title)));
    const state = data.states[letter];
    if (!state) figure.append(element("p", {}, missing));
    else {
      if (state.svg) {
        // All columns have one width, and each picture takes a share of it, so that all pictures have the same scale.
        const width = widthOf(state.svg);
        figure.append(element("img", { alt: state.alt, src: `data:image/svg+xml;utf8,${encodeURIComponent(state.svg)}`,
          style: `width:min(${width}px, ${(100 * width) / widest}%)` }));
      }
      else figure.append(element("pre", {}, state.tree));
      figure.append(element("ul", {}, ...state.changes.map((text) => element("li", {}, element("code", {}, text)))));
    }
    return figure;
  }

  function show() {
    const step = data.steps[at];
    const cut = cutOf(step);
    slider.value = at;
    slider.setAttribute("aria-valuetext", `step ${step.number}: ${step.title}`);
    cells.forEach((cell, number) => cell.classList.toggle("pmem-now", number === at));
    codeLines.forEach((line, number) => line.classList.toggle("pmem-now", number === step.line));
    for (const [name, radio] of Object.entries(radios)) radio.checked = name === fate;
    fill(headline, element("strong", {}, `Power cut before step ${step.number} of ${data.total - 1}: `), step.title,
      step.where ? ` (${step.where})` : "");
    fill(lines, element("p", {}, "Cache lines with data: ", ...chips(step, false)),
      element("p", {}, "Cache lines with libpmemobj's metadata: ", ...chips(step, true)));
    fill(undo, step.undo.length ? "Undo log: " : "The undo log is empty.",
      ...(step.undo.length ? [element("ul", {}, ...step.undo.map((text) => element("li", {}, element("code", {}, text))))] : []));
    fill(results, `A power cut here can leave ${step.possible} ${step.possible === "1" ? "state" : "states"}`,
      ...(step.results.length ? ["; outcomes of the simulated crashes: ", ...[...step.results].map((letter) => chip(letter, data.outcomes[letter]))] : []));
    const shown = [["before", "A", ""], ["at the crash", cut.at_crash, "the contents of the medium cannot be read"],
      ["after recovery", cut.after, `no state; recovery: ${cut.status}`]];
    const widest = Math.max(1, ...shown.map(([, letter]) => widthOf(data.states[letter]?.svg ?? "")));
    fill(pictures, ...shown.map(([title, letter, missing]) => picture(title, letter, missing, widest)));
  }

  function go(number) {
    at = clamp(number);
    if (fate === "example" && at !== data.example.at) fate = "kept";
    show();
  }

  function start() {
    if (at === last) go(0);
    play.textContent = "❚❚";
    playing = setInterval(() => (at < last ? go(at + 1) : stop()), MILLISECONDS_A_STEP);
  }

  function stop() {
    if (playing !== null) clearInterval(playing);
    playing = null;
    play.textContent = "▶";
  }

  const KEYS = { ArrowLeft: () => go(at - 1), ArrowRight: () => go(at + 1), Home: () => go(0), End: () => go(last) };

  function onKey(event) {
    const action = KEYS[event.key];
    // The radio buttons use the arrow keys themselves.
    if (event.target.type === "radio" || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === " " && event.target.tagName !== "BUTTON") (playing === null ? start : stop)();
    else if (action) { stop(); action(); }
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // JupyterLab does not apply its one-letter shortcuts to a focused element with this attribute; it looks at no other element.
  const mark = (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true");
  const box = element("div", { class: "pmem-timeline", tabindex: 0, role: "group", "aria-label": "timeline of the cell",
    onfocusin: mark, onkeydown: onKey },
    element("p", {}, element("strong", {}, data.ok ? "✓ " : "✗ "), data.summary), element("p", {}, data.coverage),
    strip, element("p", { class: "pmem-legend" }, CAPTION), controls, headline, choice,
    element("div", { class: "pmem-side" }, code, element("div", {}, lines, undo, results)),
    pictures, legend);
  el.append(box);
  // The width of the element counts, not of the window, because a notebook may use only a part of the window.
  const watch = new ResizeObserver(() => box.classList.toggle("pmem-narrow", box.clientWidth < NARROW));
  watch.observe(box);
  if (data.example) at = data.example.at;
  show();

  const follow = () => { stop(); go(model.get("step")); };
  model.on?.("change:step", follow);
  return () => { stop(); watch.disconnect(); model.off?.("change:step", follow); };
}

export default { render };
