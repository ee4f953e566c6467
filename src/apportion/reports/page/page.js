"use strict";
(function () {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const options = { displayModeBar: false, responsive: true };
  const charts = document.querySelectorAll("[data-figure]");
  const switches = document.querySelectorAll(".switch input");

  function draw(axis) {
    for (const place of charts) {
      const figure = figures[place.dataset.figure];
      const variant = figure[axis] || figure.only;
      Plotly.react(place, variant.data, variant.layout, options);
    }
  }

  for (const button of switches) {
    button.addEventListener("change", function () {
      for (const other of switches) other.checked = other.value === button.value;
      draw(button.value);
    });
  }
  draw("parameters");

  // Tables: a click or a key press on a header sorts by that column, a second one turns the order round.
  const collator = new Intl.Collator("en", { numeric: true });

  function value(row, column) {
    const cell = row.cells[column];
    return "order" in cell.dataset ? cell.dataset.order : cell.textContent;
  }

  function sort(table, column, numeric, sign) {
    const body = table.tBodies[0];
    const rows = Array.from(body.rows);
    rows.sort(function (left, right) {
      const a = value(left, column), b = value(right, column);
      if (a === "" || b === "") return (a === "") - (b === "");
      return sign * (numeric ? Number(a) - Number(b) : collator.compare(a, b));
    });
    body.append(...rows);
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    const headings = Array.from(table.tHead.rows[0].cells);
    headings.forEach(function (heading, column) {
      heading.querySelector("button").addEventListener("click", function () {
        const up = heading.getAttribute("aria-sort") !== "ascending";
        for (const other of headings) other.setAttribute("aria-sort", "none");
        heading.setAttribute("aria-sort", up ? "ascending" : "descending");
        sort(table, column, heading.classList.contains("number"), up ? 1 : -1);
      });
    });
  }
  document.documentElement.dataset.ready = "yes";
})();
