// What stands still, the theme, and the start.

function still() {
  const dates = MACHINES.flatMap(machine => [machine.first, machine.last])
    .filter(Boolean)
    .map(day)
    .sort();
  const when = dates.length ? (dates[0] === dates.at(-1) ? dates[0] : `${dates[0]} to ${dates.at(-1)}`) : "";
  const some = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
  $("summary").textContent = DATA.records
    ? [
        `${some(MODELS.length, "network")}, ${some(DATA.records, "measured cell")} on ${some(distinct(MACHINES.map(machine => machine.name)).length, "kind")} of machine`,
        when,
      ]
        .filter(Boolean)
        .join(", ") + "."
    : "There are no records yet.";
  $("machines").replaceChildren(
    ...MACHINES.map(machine =>
      el(
        "div",
        {class: "card"},
        el("h3", {}, machine.name),
        el(
          "dl",
          {class: "facts"},
          [
            ...Object.entries(machine.facts)
              .filter(([name, value]) => value !== null && name !== "device_name")
              .map(([name, value]) => [
                name.replaceAll("_", " "),
                name === "memory_bytes" ? `${three(value / 1e9)} GB` : String(value),
              ]),
            [
              "measured",
              [day(machine.first), day(machine.last)]
                .filter((date, i, all) => date && all.indexOf(date) === i)
                .join(" to "),
            ],
            ["commits", machine.commits.join(", ")],
            ["highest load", known(machine.load) ? String(machine.load) : ""],
          ]
            .filter(([, text]) => text)
            .flatMap(([name, text]) => [el("dt", {}, name), el("dd", {}, text)]),
        ),
      ),
    ),
  );
  $("problems-section").hidden = !DATA.problems.length;
  const alike = Map.groupBy(DATA.problems, problem =>
    [problem.model, problem.measure, problem.failed, problem.status].join(),
  );
  $("problems").replaceChildren(
    ...[...alike.values()].map(problems => {
      const {model, measure, failed, status} = problems[0];
      const cells = problems.map(({cell, machine}) => el("div", {}, cellLabel(cell, machine)));
      return el(
        "li",
        {},
        el("b", {}, MODELS[model].name),
        ` ${measure}: ${failed ?? status}`,
        el("details", {}, el("summary", {}, some(problems.length, "cell")), cells),
      );
    }),
  );
}

function cellLabel(cell, machine) {
  const others = Object.entries(cell).filter(([name, value]) => name !== "size" && value !== null);
  const words = others.map(([name, value]) => `${name} ${value}`);
  return [pixels(cell.size), ...words, MACHINES[machine].label].join(", ");
}

function theme() {
  const button = $("theme"),
    dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (state.theme ? state.theme === "dark" : dark.matches);
  const show = () => {
    if (state.theme) document.documentElement.dataset.theme = state.theme;
    button.textContent = isDark() ? "☀ Light" : "☾ Dark";
    button.setAttribute("aria-label", `Change to the ${isDark() ? "light" : "dark"} theme`);
  };
  try {
    state.theme = localStorage.getItem("theme") ?? "";
  } catch {
    /* a browser may refuse storage to files */
  }
  button.addEventListener("click", () => {
    state.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("theme", state.theme);
    } catch {
      /* then the choice lasts as long as the page */
    }
    show();
  });
  dark.addEventListener("change", show);
  show();
}

let seen = false; // the gallery: drawn only once someone is near it

function render() {
  renderTable();
  renderScatter();
  renderCurves();
  renderSensitivity();
  if (seen) renderGallery();
}

// Every row there is: what has no number in any of them is neither a column nor an axis.
function unfiltered() {
  const chosen = {...state};
  Object.assign(state, {size: "", machine: "all", engine: "", precision: "", layout: ""});
  const found = rows();
  Object.assign(state, chosen);
  return found;
}

theme();
choices();
const everywhere = unfiltered();
filters();
sectionControls();
still();
render();
document.documentElement.dataset.ready = "";
new IntersectionObserver(
  (entries, observer) => {
    if (!entries.some(entry => entry.isIntersecting)) return;
    observer.disconnect();
    seen = true;
    renderGallery();
  },
  {rootMargin: "600px"},
).observe($("gallery-section"));
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth !== width) {
    width = innerWidth;
    untip();
    render();
  }
});
