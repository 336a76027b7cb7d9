/* The line at the top: the pool and its transaction. It also watches whether the kernel answers. */

/* Milliseconds after which a press of a button that nobody has answered is remarked upon. */
const PATIENCE = 900;

function render({ model, el }) {
  const badge = document.createElement("span");
  const text = document.createElement("span");
  const clock = document.createElement("span");
  const line = document.createElement("div");
  const notice = document.createElement("p");
  line.className = "pmem-status";
  badge.setAttribute("role", "status");
  clock.className = "pmem-status-clock";
  clock.setAttribute("aria-live", "off");
  notice.className = "pmem-status-notice";
  notice.setAttribute("role", "status");
  line.append(badge, text, clock);
  el.append(line, notice);

  const words = { none: "no pool", open: "open", uncommitted: "uncommitted", aborted: "rolled back", closed: "closed" };

  function show() {
    const told = model.get("told");
    badge.textContent = words[told.state] ?? "";
    badge.className = `pmem-badge pmem-badge-${told.state}`;
    text.textContent = told.text ?? "";
    tick();
  }

  function tick() {
    const { begun } = model.get("told");
    if (!begun) {
      clock.textContent = "";
      return;
    }
    const seconds = Math.max(0, Math.round(Date.now() / 1000 - begun));
    const minutes = Math.floor(seconds / 60);
    clock.textContent = `· begun ${minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`} ago`;
  }

  // ---- does the kernel answer? ----

  let pressed = null;
  const say = (words) => { notice.textContent = words; };

  function onPress(event) {
    const target = event.target.closest?.("button");
    if (!target || !target.classList.contains("jupyter-button") || target.classList.contains("jupyter-widgets-toggle")) return;
    const answered = model.get("answered");
    clearTimeout(pressed);
    pressed = setTimeout(() => {
      if (model.get("answered") === answered) {
        say(model.get("waiting")
          ? "The kernel is running a cell. This will be done when the cell has ended."
          : "The kernel has not answered yet. It is busy, or it was restarted: then run the cell of this panel again.");
      }
    }, PATIENCE);
  }

  function onAnswer() {
    clearTimeout(pressed);
    say("");
  }

  function onWaiting() {
    if (model.get("waiting")) say("The kernel is running a cell. This will be done when the cell has ended.");
    else say("");
  }

  // ---- the panel around this line ----

  let panel = null;
  let focus = null;

  function attach() {
    panel = el.closest(".pmem-panel");
    if (!panel) {
      frame = requestAnimationFrame(attach);
      return;
    }
    panel.setAttribute("role", "region");
    panel.setAttribute("aria-label", "pool panel");
    focus = new Focus(panel);
    panel.addEventListener("click", onPress, true);
  }

  let frame = requestAnimationFrame(attach);
  const timer = setInterval(tick, 1000);
  model.on("change:told", show);
  model.on("change:answered", onAnswer);
  model.on("change:waiting", onWaiting);
  show();
  return () => {
    cancelAnimationFrame(frame);
    clearInterval(timer);
    clearTimeout(pressed);
    focus?.stop();
    panel?.removeEventListener("click", onPress, true);
    model.off("change:told", show);
    model.off("change:answered", onAnswer);
    model.off("change:waiting", onWaiting);
  };
}

export default { render };
