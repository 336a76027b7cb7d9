/* The line at the top: the pool and its transaction. It also watches whether the kernel answers. */

/* Milliseconds after which a press of a button that nobody has answered is remarked upon. */
const PATIENCE = 900;
/* What the class begins with that numbers a button; see `PanelFrame`. */
const PRESS = "pmem-press-";
const RUNNING = "The kernel is running a cell. This will be done when the cell has ended.";
const WORKING = "The kernel is doing this. To stop it, interrupt the kernel.";
const GONE = "The kernel was restarted, or it has ended, so this is the last known state.";
const ROLLED_BACK = "The transaction that was open is rolled back.";
const AGAIN = "Run the cell of this panel again to go on.";

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

  const words = { none: "no pool", open: "open", uncommitted: "uncommitted", aborted: "rolled back", closed: "closed", gone: "no kernel" };
  /* Whether the kernel of this panel is gone: restarted, ended, or not there yet. */
  let isGone = false;

  function show() {
    const told = model.get("told");
    const state = isGone ? "gone" : told.state;
    badge.textContent = words[state] ?? "";
    badge.className = `pmem-badge pmem-badge-${state}`;
    text.textContent = told.text ?? "";
    tick();
  }

  function tick() {
    const { begun } = model.get("told");
    if (!begun || isGone) {
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
    if (target && event.detail > 1) {
      // The second half of a double click; an act must not happen twice.
      event.stopImmediatePropagation();
      event.preventDefault();
      return;
    }
    // To turn to a page that is shown already needs no answer.
    if (target?.closest(".widget-toggle-buttons")) return;
    if (!target || !target.classList.contains("jupyter-button") || target.classList.contains("jupyter-widgets-toggle")) return;
    if (isGone) return;
    const number = [...target.classList].find((name) => name.startsWith(PRESS));
    if (number) {
      // One message for the press and for what it uses, since the kernel may take two in either order.
      event.stopImmediatePropagation();
      model.send({
        press: Number(number.slice(PRESS.length)),
        label: target.textContent.trim(),
        fields: fields.take(),
      });
    }
    const started = model.get("started");
    clearTimeout(pressed);
    pressed = setTimeout(() => {
      if (model.get("answered") > started) return;
      say(model.get("started") > started ? WORKING : RUNNING);
    }, PATIENCE);
  }

  function onStart() {
    // Whoever was told that a cell runs first learns that it does not any more.
    if (notice.textContent) say(WORKING);
  }

  function onAnswer() {
    if (model.get("answered") < model.get("started")) return;
    clearTimeout(pressed);
    say("");
  }

  /* ipywidgets marks a widget whose kernel is gone. */
  function onConnection() {
    const wasGone = isGone;
    isGone = panel.classList.contains("jupyter-widgets-disconnected");
    if (isGone === wasGone) return;
    clearTimeout(pressed);
    const wasOpen = ["uncommitted", "aborted"].includes(model.get("told").state);
    say(isGone ? [GONE, ...(wasOpen ? [ROLLED_BACK] : []), AGAIN].join(" ") : "");
    show();
  }

  // ---- the panel around this line ----

  let panel = null;
  let focus = null;
  let fields = null;
  const connection = new MutationObserver(onConnection);

  function attach() {
    panel = el.closest(".pmem-panel");
    if (!panel) {
      frame = requestAnimationFrame(attach);
      return;
    }
    panel.setAttribute("role", "region");
    panel.setAttribute("aria-label", "pool panel");
    focus = new Focus(panel);
    fields = new Fields(panel, (told) => model.send(told));
    connection.observe(panel, { attributeFilter: ["class"] });
    onConnection();
    panel.addEventListener("click", onPress, true);
  }

  let frame = requestAnimationFrame(attach);
  const timer = setInterval(tick, 1000);
  model.on("change:told", show);
  model.on("change:answered", onAnswer);
  model.on("change:started", onStart);
  show();
  return () => {
    cancelAnimationFrame(frame);
    clearInterval(timer);
    clearTimeout(pressed);
    focus?.stop();
    fields?.stop();
    connection.disconnect();
    panel?.removeEventListener("click", onPress, true);
    model.off("change:told", show);
    model.off("change:answered", onAnswer);
    model.off("change:started", onStart);
  };
}

export default { render };
