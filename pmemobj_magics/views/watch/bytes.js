/* The memory of an object: a table for each allocation, a row for each word, a link for each reference. */

function bytesOf(memory, scene, app) {
  const pieces = memory.pieces.map((piece) => onePiece(piece, scene, app));
  return element("div", { class: "pmem-bytes" }, ...pieces, memory.left_out ? element("p", { class: "pmem-hint" }, memory.left_out) : "");
}

function onePiece(piece, scene, app) {
  const rows = piece.rows.flatMap((row) => (row.gap ? [element("tr", { class: "pmem-gap-row" }, element("td", { colspan: 4 }, `… ${row.gap}`))] : oneWord(row, scene, app)));
  return element("section", { "data-piece": piece.name },
    element("h5", {}, piece.name, element("small", {}, ` ${[piece.facts, piece.text].filter(Boolean).join(" · ")}`)),
    piece.damage ? element("p", { class: "pmem-damage" }, piece.damage) : "",
    element("table", { "aria-label": `words of ${piece.name}` }, element("tbody", {}, ...rows)));
}

function oneWord(row, scene, app) {
  const text = element("td", {}, row.text);
  if (row.target && scene.has(row.target)) text.replaceChildren(jump(row.text, scene.title(row.target), () => app.jump(row.target, true)));
  else if (row.piece) text.replaceChildren(jump(row.text, row.piece, (event) => showPiece(event, row.piece)));
  const state = row.state ? element("span", { class: "pmem-word-state" }, ` ${row.state}`) : "";
  text.append(state);
  const cells = [element("td", { class: "pmem-at" }, row.at), element("td", { class: `pmem-hex pmem-meaning-${row.meaning}`, title: row.kind }, row.hex), element("th", { scope: "row" }, row.label), text];
  const made = [element("tr", { class: row.state ? "pmem-uncommitted" : null }, ...cells)];
  if (row.old) made.push(element("tr", { class: "pmem-old" }, element("td", {}), element("td", { class: "pmem-hex" }, row.old[0]), element("th", { scope: "row" }, "before"), element("td", {}, row.old[1])));
  return made;
}

function jump(text, where, action) {
  return button(text, `go to ${where}`, action, { class: "pmem-jump" });
}

function showPiece(event, name) {
  const found = [...event.target.closest(".pmem-bytes").querySelectorAll("section")].find((section) => section.dataset.piece === name);
  found?.scrollIntoView({ block: "nearest" });
}
