// Click a column's heading to sort by it: by the first number of each cell where most have one.
function number(text) {
  const found = text.trim().match(/^[<>≥≤~]?\s*([+−-]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)/i);
  return found ? Number(found[1].replaceAll(",", "").replace("−", "-")) : NaN;
}
function sort(table, column, header) {
  const down = header.getAttribute("aria-sort") === "ascending";
  const rows = [...table.tBodies[0].rows];
  const texts = new Map(rows.map((row) => [row, row.cells[column]?.innerText ?? ""]));
  const numbers = new Map(rows.map((row) => [row, number(texts.get(row))]));
  const filled = rows.filter((row) => !["", "–", "-"].includes(texts.get(row).trim()));
  const counted = filled.filter((row) => !Number.isNaN(numbers.get(row))).length;
  const numeric = filled.length > 0 && counted > filled.length / 2;
  const missing = (row) => numeric ? Number.isNaN(numbers.get(row)) : !filled.includes(row);
  rows.sort((a, b) => {
    if (missing(a) || missing(b)) return missing(a) - missing(b);  // those without a value last
    const order = numeric ? numbers.get(a) - numbers.get(b)
      : texts.get(a).localeCompare(texts.get(b), "en", {numeric: true});
    return down ? -order : order;
  });
  table.tBodies[0].append(...rows);
  for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
}
for (const table of document.querySelectorAll("table")) {
  const box = document.createElement("div");
  Object.assign(box, {className: "wide", tabIndex: 0, role: "region", ariaLabel: "Table"});
  table.replaceWith(box);
  box.append(table);
  if (!table.tHead || !table.tBodies.length) continue;
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    const button = document.createElement("button");
    button.title = "Sort by this column";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sort(table, column, header));
    header.scope = "col";
    header.append(button);
  });
}
