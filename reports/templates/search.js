"use strict";
(() => {
  const data = JSON.parse(document.getElementById("traders").textContent);
  const field = document.getElementById("search");
  const found = document.getElementById("found");
  const shown = document.getElementById("shown");
  const add = (parent, name, text) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
  };
  const row = (parent, cells, name) => {
    const line = add(parent, "tr");
    cells.forEach((cell, index) => {
      const made = add(line, name, cell);
      made.dataset.label = data.head[index];
      if (name === "th") made.scope = "col";
      if (data.right.includes(index)) made.className = "n";
    });
  };
  const show = ([name, about, rows]) => {
    shown.replaceChildren();
    add(shown, "h3", name);
    add(shown, "p", about);
    const table = add(shown, "table");
    table.className = "stack";
    row(add(table, "thead"), data.head, "th");
    const body = add(table, "tbody");
    rows.forEach((cells) => row(body, cells, "td"));
  };
  const search = () => {
    const wanted = field.value.trim().toLowerCase();
    const matches = data.traders.filter(([name, about]) => (name + " " + about).toLowerCase().includes(wanted));
    found.replaceChildren();
    matches.slice(0, 8).forEach((trader) => { add(found, "button", trader[0]).addEventListener("click", () => show(trader)); });
    if (matches.length > 8) add(found, "span", " and " + (matches.length - 8) + " more");
    if (!matches.length) add(found, "span", "Nobody here is called so.");
    if (wanted && matches.length === 1) show(matches[0]);
  };
  field.addEventListener("input", search);
  search();
  if (data.traders.length) show(data.traders[0]);
})();
