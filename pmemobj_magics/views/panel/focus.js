/* The keyboard in the panel: the notebook must not act on its keys, and the focus must not get lost. */

const ROW = ".pmem-panel-row";
const CONTROLS = "button, input, select, textarea, [tabindex]";

/* Whether an element can have the focus now. */
function canHaveFocus(control) {
  return control.isConnected && !control.disabled && control.tabIndex >= 0 && control.getClientRects().length > 0;
}

class Focus {
  /* `panel` is the element of the whole panel. */
  constructor(panel) {
    this.panel = panel;
    this.last = null;
    panel.addEventListener("focusin", this.onFocus);
    document.addEventListener("focusin", this.onFocusElsewhere);
    document.addEventListener("pointerdown", this.forget, true);
    // An act disables the button that was pressed, or hides it.
    this.observer = new MutationObserver(() => this.keep());
    this.observer.observe(panel, { subtree: true, childList: true, attributeFilter: ["disabled", "style", "class"] });
  }

  stop() {
    this.observer.disconnect();
    this.panel.removeEventListener("focusin", this.onFocus);
    document.removeEventListener("focusin", this.onFocusElsewhere);
    document.removeEventListener("pointerdown", this.forget, true);
  }

  onFocus = (event) => {
    this.last = event.target;
    this.others = [...this.panel.querySelectorAll(CONTROLS)];
    // The shortcuts of the notebook, such as Enter and D D, must not act while a control of the panel has the focus.
    event.target.setAttribute("data-lm-suppress-shortcuts", "true");
  };

  /* JupyterLab gives the focus to a cell when the focused element goes away; the reader has not asked for that. */
  onFocusElsewhere = (event) => {
    if (!this.panel.contains(event.target) && this.last && canHaveFocus(this.last)) this.last = null;
  };

  forget = () => { this.last = null; };

  /* Give the focus to another control if the one that had it cannot have it any more: to one of its row, or else to the
   * one before it. */
  keep() {
    const { last } = this;
    if (!last || canHaveFocus(last)) return;
    const row = last.closest(ROW);
    const at = this.others.indexOf(last);
    const before = this.others.slice(0, at).reverse();
    const others = [...before, ...this.others.slice(at + 1)].filter(canHaveFocus);
    (others.find((control) => row?.contains(control)) ?? others[0])?.focus();
  }
}
