/* The session as code, to be copied or put into a new cell. */

const KIND = "application/vnd.jupyter.widget-view+json";

/* The notebook that the widget is in, as JupyterLab and Notebook know it; undefined elsewhere. */
async function notebookOf(model) {
  // The manager that anywidget hands out is a small one. The model that it finds has the real one, with its context.
  const found = await model.widget_manager.get_model(model.get("own_id"));
  return found?.widget_manager?.context?.model?.sharedModel;
}

/* The position behind the cell that shows the panel; behind the last cell if it is not found. */
function placeIn(notebook, id) {
  const cells = notebook.cells;
  const at = cells.findIndex((cell) => (cell.outputs ?? []).some((output) => output.data?.[KIND]?.model_id === id));
  return at < 0 ? cells.length : at + 1;
}

function render({ model, el }) {
  const text = document.createElement("pre");
  text.className = "pmem-code";
  text.tabIndex = 0;
  text.setAttribute("aria-label", "the session as code");
  const said = document.createElement("span");
  said.setAttribute("role", "status");
  const button = (label, action) => {
    const made = document.createElement("button");
    made.className = "pmem-code-button";
    made.textContent = label;
    made.onclick = action;
    return made;
  };

  async function insert() {
    let notebook;
    try {
      notebook = await notebookOf(model);
    } catch {
      notebook = undefined;
    }
    if (!notebook) {
      await copy();
      said.textContent += " This page cannot add a cell, so paste the code into one.";
      return;
    }
    notebook.insertCell(placeIn(notebook, model.get("panel_id")), { cell_type: "code", source: model.get("code"), metadata: {} });
    said.textContent = "A cell with the code is below the panel.";
  }

  async function copy() {
    try {
      await navigator.clipboard.writeText(model.get("code"));
      said.textContent = "Copied.";
    } catch {
      const range = document.createRange();
      range.selectNodeContents(text);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      said.textContent = "The code is selected; copy it with Ctrl+C.";
    }
  }

  const show = () => { text.textContent = model.get("code") || "# nothing was done in this panel yet"; };
  const row = document.createElement("div");
  row.className = "pmem-panel-row";
  row.append(button("Put it into a new cell", insert), button("Copy", copy), said);
  el.append(row, text);
  model.on("change:code", show);
  show();
  return () => model.off("change:code", show);
}

export default { render };
