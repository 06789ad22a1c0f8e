"use strict";
// Draws the charts; folded ones when they are opened, for a hidden element has no width.
(function () {
  const config = document.getElementById("chart-config");
  const options = config && {
    renderer: "svg",
    ast: true, // expressions are interpreted: the page forbids eval
    config: JSON.parse(config.textContent),
    actions: { export: true, source: false, compiled: false, editor: false },
  };

  async function draw(source) {
    const place = document.getElementById(source.dataset.chart);
    if (place.dataset.drawn) return;
    place.dataset.drawn = "yes";
    await vegaEmbed(place, JSON.parse(source.textContent), {
      ...options, downloadFileName: source.dataset.chart,
    });
    const picture = place.querySelector("svg.marks");
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", place.dataset.label);
  }

  for (const source of document.querySelectorAll("script[data-chart]")) {
    const fold = source.closest("details.fold");
    if (fold && !fold.open) {
      fold.addEventListener("toggle", () => fold.open && draw(source));
    } else {
      draw(source);
    }
  }

  // Headings of sortable tables become buttons.
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = heading.textContent;
      heading.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = heading.getAttribute("aria-sort") === "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", down ? "descending" : "ascending");
        const key = (row) => row.cells[column].dataset.sort;
        const number = (row) => Number.parseFloat(key(row));
        const rows = [...body.rows];
        const isNumeric = rows.some((row) => row.cells[column].classList.contains("number"));
        rows.sort(isNumeric
          ? (a, b) => (number(a) || 0) - (number(b) || 0)
          : (a, b) => key(a).localeCompare(key(b), "en", { numeric: true }));
        if (down) rows.reverse();
        body.append(...rows);
      });
    });
  }
})();
