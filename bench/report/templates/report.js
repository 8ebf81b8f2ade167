"use strict";
// Everything here is comfort: without scripts the page shows the same text.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const written = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const keyOf = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.key === undefined ? cell.textContent : Number(cell.dataset.key);
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const next = { none: "ascending", ascending: "descending", descending: "none" }[head.getAttribute("aria-sort") ?? "none"];
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      const rows = [...written];
      if (next !== "none") {
        head.setAttribute("aria-sort", next);
        const turn = next === "ascending" ? 1 : -1;
        rows.sort((a, b) => turn * compare(keyOf(a, column), keyOf(b, column)));
      }
      body.append(...rows);
    });
  });
  if (written.length > 8) {
    const bar = document.createElement("div");
    bar.className = "filter";
    const label = document.createElement("label");
    label.textContent = "Show rows with";
    const input = document.createElement("input");
    input.type = "search";
    input.id = `filter-${document.querySelectorAll(".filter").length + 1}`;
    label.htmlFor = input.id;
    const told = document.createElement("span");
    told.setAttribute("role", "status");
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of written) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        shown += row.hidden ? 0 : 1;
      }
      told.textContent = words.length ? `${shown} of ${written.length} rows` : "";
    });
    bar.append(label, input, told);
    table.parentElement.before(bar);
  }
}
// Two runs chosen in the index lead to their comparison, or to the command that makes it. The older is the baseline.
for (const table of document.querySelectorAll("table.choosable")) {
  const written = [...table.tBodies[0].rows];
  const bar = document.createElement("div");
  bar.className = "chosen";
  bar.setAttribute("role", "status");
  const chosen = () => written.filter((row) => row.querySelector(".choice").checked).map((row) => row.lastElementChild.dataset.run);
  const show = () => {
    const runs = chosen();
    if (runs.length !== 2) {
      bar.replaceChildren(runs.length ? `${runs.length} chosen: choose two runs to compare them.` : "Choose two runs to compare them.");
      return;
    }
    const [candidate, baseline] = runs; // written newest first
    const made = [...document.querySelectorAll("a[data-baseline]")].find(
      (link) => link.dataset.baseline === baseline && link.dataset.candidate === candidate,
    );
    if (made) {
      const link = made.cloneNode(false);
      link.textContent = `Compare ${candidate} with ${baseline}`;
      bar.replaceChildren(link);
    } else {
      const block = document.createElement("pre");
      block.tabIndex = 0;
      block.textContent = `bench compare ${quoted(baseline)} ${quoted(candidate)}`;
      bar.replaceChildren("They were not compared yet. This command writes the page:", block);
    }
  };
  const quoted = (name) => (/^[\w.,:@+-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`);
  for (const row of written) {
    const box = document.createElement("input");
    box.type = "checkbox";
    box.className = "choice";
    box.setAttribute("aria-label", `Compare ${row.lastElementChild.dataset.run}`);
    box.addEventListener("change", show);
    row.cells[0].prepend(box, " ");
  }
  show();
  table.parentElement.before(bar);
}
for (const block of document.querySelectorAll("pre.copy")) {
  const text = block.textContent;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy-button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(block.querySelector("code"));
      button.textContent = "Selected: press Ctrl+C";
    }
  });
  block.append(button);
}
// A link from the contents opens what it leads to.
addEventListener("hashchange", () => document.getElementById(location.hash.slice(1))?.closest("details")?.setAttribute("open", ""));
