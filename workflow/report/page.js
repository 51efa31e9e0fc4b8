"use strict";
{
  const root = document.documentElement;
  const specs = JSON.parse(document.getElementById("specs").textContent);
  const looks = JSON.parse(document.getElementById("looks").textContent);

  // Figures: drawn when they come near, and all of them before the page is printed.
  const chips = [...document.querySelectorAll(".chip")];
  const shown = () => chips.filter((chip) => chip.getAttribute("aria-pressed") === "true").map((chip) => chip.dataset.model);
  const charts = [...document.querySelectorAll(".chart")];
  const views = [];
  const specOf = (element) => specs[element.dataset.figure][Number(element.dataset.panel)];
  const listsModels = (spec) => (spec.params || []).some((param) => param.name === "shown");
  const draw = async (element) => {
    near.unobserve(element);
    const result = await vegaEmbed(element, specOf(element), {
      renderer: "svg",
      actions: false,
      tooltip: { disableDefaultStyle: true },
    });
    // The figure's name is on the container; the drawing itself would be read out mark by mark.
    element.querySelectorAll("svg").forEach((svg) => svg.setAttribute("aria-hidden", "true"));
    element.classList.add("drawn");
    if (listsModels(specOf(element))) {
      views.push(result.view);
      if (chips.length !== shown().length) result.view.signal("shown", shown()).run();
    }
  };
  const begun = new Set();
  const drawOnce = (element) => !begun.has(element) && begun.add(element) && draw(element);
  const near = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => drawOnce(entry.target)),
    { rootMargin: "800px" },
  );
  charts.forEach((element) => near.observe(element));
  addEventListener("beforeprint", () => charts.forEach(drawOnce));

  const update = () => views.forEach((view) => view.signal("shown", shown()).run());
  const press = (chip, on) => chip.setAttribute("aria-pressed", String(on));
  chips.forEach((chip) => {
    chip.addEventListener("click", () => {
      press(chip, chip.getAttribute("aria-pressed") !== "true");
      if (!shown().length) chips.forEach((other) => press(other, true));
      update();
    });
    chip.addEventListener("dblclick", () => {
      chips.forEach((other) => press(other, other === chip));
      update();
    });
  });

  // Saving: figures as they stand in a paper, in the light theme with a title and a legend; tables as CSV.
  const save = (name, blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${root.dataset.study}-${name}`.replace(/[^\w.-]+/g, "_");
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };
  const inPaperColours = (value, key) => {
    if (typeof value === "string") return looks.colours[value] ?? value;
    if (Array.isArray(value)) return value.map((entry) => inPaperColours(entry));
    if (value === null || typeof value !== "object" || key === "datasets") return value;
    return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, inPaperColours(entry, name)]));
  };
  const withLegend = (node) => {
    for (const layer of node.layer ?? [])
      for (const channel of ["color", "shape", "strokeDash", "stroke"])
        if (layer.encoding?.[channel]?.field) layer.encoding[channel].legend = { orient: "bottom", columns: 4, symbolOpacity: 1 };
  };
  const forPaper = (figure) => {
    const panels = [...figure.querySelectorAll(".chart")];
    const datasets = {};
    const params = new Map();
    const concat = panels.map((element) => {
      const { config, autosize, background, $schema, ...panel } = structuredClone(specOf(element));
      Object.assign(datasets, panel.datasets);
      for (const param of panel.params ?? []) params.set(param.name, param.name === "shown" ? { ...param, value: shown() } : param);
      delete panel.datasets;
      delete panel.params;
      if (figure.hasAttribute("data-by-model")) withLegend(panel);
      return { ...inPaperColours(panel), width: 260, height: figure.classList.contains("compact") ? 120 : 200, title: element.dataset.heading };
    });
    return {
      $schema: specOf(panels[0]).$schema,
      title: { text: figure.querySelector("h3").textContent, fontSize: 15, offset: 16 },
      concat,
      columns: Number(figure.dataset.columns),
      spacing: 28,
      params: [...params.values()],
      datasets,
      config: looks.config,
      background: looks.background,
      padding: 16,
    };
  };
  const savers = {
    svg: async (view) => new Blob([await view.toSVG()], { type: "image/svg+xml" }),
    png: async (view) => {
      const canvas = await view.toCanvas(2);
      return new Promise((done) => canvas.toBlob(done, "image/png"));
    },
  };
  const saveFigure = async (figure, kind) => {
    const drawn = await vegaEmbed(document.createElement("div"), forPaper(figure), { renderer: "svg", actions: false });
    save(`${figure.id}.${kind}`, await savers[kind](drawn.view));
    drawn.finalize();
  };
  // A spreadsheet would run a text that begins like a formula; an apostrophe makes it text.
  const asText = (text) => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);
  const field = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const csv = (table) => {
    const head = [...table.tHead.rows[0].cells].map((cell) => field(asText(cell.dataset.column ?? cell.textContent)));
    const rows = [...table.tBodies[0].rows].map((row) =>
      [...row.cells].map((cell) => cell.dataset.value ?? field(asText(cell.textContent.trim()))),
    );
    return [head, ...rows].map((row) => row.join(",")).join("\r\n") + "\r\n";
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-save]");
    if (!button) return;
    if (button.dataset.save !== "csv") return saveFigure(button.closest("figure"), button.dataset.save);
    const shownTable = button.closest(".table");
    save(`${shownTable.dataset.name}.csv`, new Blob(["\ufeff", csv(shownTable.querySelector("table"))], { type: "text/csv" }));
  });

  // Tables: sorted by the heading that is chosen.
  document.querySelectorAll("table.sortable").forEach((table) => {
    const body = table.tBodies[0];
    table.querySelectorAll("th button").forEach((button, column) => {
      button.addEventListener("click", () => {
        const heading = button.parentElement;
        const down = heading.getAttribute("aria-sort") === "ascending";
        table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", down ? "descending" : "ascending");
        const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
        const compare = (a, b) => {
          const [x, y] = [value(a), value(b)];
          if (!x || !y) return !x - !y; // what isn't known comes last, up or down
          const numbers = Number(x) - Number(y);
          const order = Number.isNaN(numbers) ? x.localeCompare(y) : numbers;
          return down ? -order : order;
        };
        body.append(...[...body.rows].sort(compare));
      });
    });
  });

  // Light or dark: the system's until the reader chooses.
  const toggle = document.querySelector(".theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const tell = () => toggle.setAttribute("aria-pressed", String(isDark()));
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("m1flow-theme", root.dataset.theme); } catch { /* for this visit only */ }
    tell();
  });
  system.addEventListener("change", tell);
  tell();

  // Contents: the section that is being read.
  const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]));
  const reading = new IntersectionObserver(
    (entries) => {
      const entered = entries.find((entry) => entry.isIntersecting);
      if (!entered) return;
      links.forEach((link) => link.removeAttribute("aria-current"));
      links.get(entered.target.querySelector("h2").id)?.setAttribute("aria-current", "true");
    },
    { rootMargin: "-20% 0px -75% 0px" },
  );
  document.querySelectorAll(".sections section").forEach((section) => reading.observe(section));
}
