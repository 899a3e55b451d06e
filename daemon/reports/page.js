"use strict";
// Draws the figures of the page. A colour such as "@challenger" is the custom property of that name in the style sheet,
// so that a figure follows light and dark, and paper.
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const paper = 680; // pixels: the width of a printed page
  const style = () => getComputedStyle(document.documentElement);

  function coloured(value, style) {
    if (typeof value === "string" && value.startsWith("@")) return style.getPropertyValue("--" + value.slice(1)).trim();
    if (Array.isArray(value)) return value.map((part) => coloured(part, style));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, part]) =>
      [key, typeof part === "object" || /color$/.test(key) ? coloured(part, style) : part]));
  }

  function layout(wanted, width) {
    const now = style(), ink = now.getPropertyValue("--ink").trim(), grid = now.getPropertyValue("--grid").trim();
    const made = coloured(wanted, now);
    for (const key of Object.keys(made).filter((name) => /^[xy]axis/.test(name))) {
      made[key] = { gridcolor: grid, zeroline: false, automargin: true, ...made[key] };
    }
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "closest",
      font: { family: 'system-ui, "Segoe UI", Roboto, sans-serif', size: 13, color: ink },
      ...made, margin: { l: 60, r: 20, t: 20, b: 50, ...made.margin },
      legend: { orientation: "h", y: -0.18, yanchor: "top", x: 0, ...made.legend },
      ...(width === undefined ? {} : { width }),
    };
  }

  function draw(width) {
    for (const [id, figure] of Object.entries(figures)) {
      Plotly.react(id, coloured(figure.data, style()), layout(figure.layout, width), { displayModeBar: false, responsive: true });
    }
  }

  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
  addEventListener("beforeprint", () => { document.documentElement.classList.add("printing"); draw(paper); });
  addEventListener("afterprint", () => { document.documentElement.classList.remove("printing"); draw(); });
})();
