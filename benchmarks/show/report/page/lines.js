// Curves: accuracy while training, and under each perturbation. Highlighted networks have colours, the others are grey.

const MOST_PINS = 8;

function pin(model) {
  if (state.pins.includes(model)) state.pins = state.pins.filter(other => other !== model);
  else state.pins = [...state.pins, model].slice(-MOST_PINS);
  const focused = document.activeElement?.getAttribute("aria-label"),
    place = document.activeElement?.closest("[id]")?.id;
  render();
  if (focused && place)
    $(place)
      .querySelector(`[aria-label="${CSS.escape(focused)}"]`)
      ?.focus();
}

function chips(holder, entries) {
  const found = distinct(entries.map(entry => entry.model)).sort((a, b) => a - b);
  holder.replaceChildren(
    ...found.map(model => {
      const at = state.pins.indexOf(model);
      return el(
        "button",
        {
          type: "button",
          class: `chip ${at >= 0 ? `line${at}` : ""}`,
          "aria-pressed": String(at >= 0),
          "aria-label": `Highlight ${MODELS[model].name}`,
          onclick: () => pin(model),
        },
        el("i", {"aria-hidden": "true"}),
        MODELS[model].name,
      );
    }),
  );
}

function inSection(table) {
  const size = oneSize(),
    shown = new Set(rows().map(row => row.model));
  return table.filter(entry => entry.set === state.set && sizeKey(entry.size) === size && shown.has(entry.model));
}

const where = () => `${oneSize().replace("x", " × ")} pixels; ${setLabel(state.set)}.`;

function renderCurves() {
  const entries = inSection(DATA.accuracy).filter(entry => entry.curves.some(curve => curve.length));
  $("curves-section").hidden = !DATA.accuracy.some(entry => entry.curves.some(curve => curve.length));
  $("curves-note").textContent = entries.length
    ? `${where()} A line per seed.${entries.some(entry => entry.rates.flat().length) ? " Where the rate was chosen, the seconds of all that were tried come first; the samples are those of the chosen one." : ""}`
    : "No curve was recorded for these filters.";
  chips($("curves-chips"), entries);
  const time =
    state.time === "seconds"
      ? `Seconds on ${distinct(entries.map(entry => MACHINES[entry.machine].name)).join(" or ")}`
      : "Samples trained on";
  fillPanels(
    $("curves"),
    entries.length
      ? ["mask_iou", "depth_rmse"].map(metric => ({
          quantity: QUANTITIES[metric],
          xTitle: time,
          title: QUANTITIES[metric]?.label,
          lines: entries.flatMap(entry =>
            entry.curves.map(curve => ({
              model: entry.model,
              points: curve.map(point => [point[state.time], point[metric]]),
            })),
          ),
        }))
      : [],
  );
}

function renderSensitivity() {
  const entries = inSection(DATA.sensitivity);
  const seen = entries[0]?.images;
  $("sensitivity-section").hidden = !DATA.sensitivity.length;
  $("sensitivity-note").textContent = entries.length
    ? `${where()} From left to right the perturbation grows; a flat line is a robust network. Of PairBench, clean scenes are perturbed${seen ? `, ${seen} of them` : ""}.`
    : "Nothing was recorded for these filters.";
  chips($("sensitivity-chips"), entries);
  const measured = entries.filter(entry => entry[state.hurt].some(known));
  const groups = [...Map.groupBy(measured, entry => entry.perturbation)];
  const all = entries.flatMap(entry => entry[state.hurt]).filter(known);
  fillPanels(
    $("sensitivity"),
    groups.map(([name, members]) => ({
      quantity: QUANTITIES[state.hurt],
      xTitle: DATA.units[name] ? `strength (${DATA.units[name]})` : "strength",
      title: name,
      caption: name.replaceAll("_", " "),
      reach: all,
      lines: members.map(entry => ({
        model: entry.model,
        points: entry.strength.map((strength, i) => [strength, entry[state.hurt][i]]),
      })),
    })),
  );
}

function fillPanels(holder, panels) {
  holder.replaceChildren();
  for (const panel of panels.filter(panel => panel.quantity)) {
    const figure = el("figure", {}, panel.caption && el("figcaption", {}, panel.caption));
    holder.append(figure);
    const lines = panel.lines
      .map(line => ({...line, points: line.points.filter(point => point.every(known))}))
      .filter(line => line.points.length);
    figure.append(
      lines.length ? lineChart({...panel, lines}, figure.clientWidth) : el("p", {class: "note"}, "no finite number"),
    );
  }
}

function lineChart({lines, quantity, xTitle, title, reach}, width) {
  const height = Math.round(Math.min(340, Math.max(230, width * 0.62)));
  const box = {left: 50, right: width - 12, top: 30, bottom: height - 44};
  const onX = scale(
    lines.flatMap(line => line.points.map(point => point[0])),
    box.left,
    box.right,
    false,
  );
  const onY = scale(reach ?? lines.flatMap(line => line.points.map(point => point[1])), box.bottom, box.top, false);
  const svg = draw("svg", {
    class: "chart",
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    tabindex: 0,
    role: "img",
    "aria-label": `${title}: ${quantity.label} of ${distinct(lines.map(line => line.model)).length} networks; arrow keys read it out`,
  });
  frame(svg, onX, onY, box, xTitle, axisTitle(quantity));
  const ranked = [...lines].sort((a, b) => state.pins.includes(a.model) - state.pins.includes(b.model));
  for (const line of ranked) {
    const at = state.pins.indexOf(line.model);
    svg.append(
      draw("path", {
        class: `line ${at >= 0 ? `line${at}` : "other"}`,
        d: line.points.map(([x, y], i) => `${i ? "L" : "M"}${onX.at(x).toFixed(1)} ${onY.at(y).toFixed(1)}`).join(""),
      }),
    );
    if (at >= 0)
      svg.append(
        ...line.points.map(([x, y]) =>
          draw("circle", {class: `knot line${at}`, cx: onX.at(x), cy: onY.at(y), r: 2.4}),
        ),
      );
  }
  const cross = draw("path", {class: "cross"});
  svg.append(cross);
  const stops = distinct(lines.flatMap(line => line.points.map(point => point[0]))).sort((a, b) => a - b);
  let now = -1;
  const show = next => {
    now = Math.min(Math.max(next, 0), stops.length - 1);
    const at = onX.at(stops[now]);
    cross.setAttribute("d", `M${at} ${box.top}V${box.bottom}`);
    tip(cross, readOut(lines, stops[now], quantity, xTitle));
  };
  const nearest = event => {
    const at = event.clientX - svg.getBoundingClientRect().left;
    return stops.reduce(
      (best, stop, i) => (Math.abs(onX.at(stop) - at) < Math.abs(onX.at(stops[best]) - at) ? i : best),
      0,
    );
  };
  const leave = () => {
    cross.removeAttribute("d");
    untip();
  };
  svg.addEventListener("pointermove", event => show(nearest(event)));
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("blur", leave);
  svg.addEventListener("keydown", event => {
    const next = {ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: stops.length - 1}[event.key];
    if (event.key === "Escape") leave();
    if (next === undefined) return;
    event.preventDefault();
    show(next);
    $("said").textContent = $("tip").innerText.replaceAll("\n", ", ");
  });
  return svg;
}

// What the highlighted networks have reached at one place, best first; a line without that very place tells its nearest.
function readOut(lines, stop, quantity, xTitle) {
  const values = new Map();
  for (const line of lines.filter(line => state.pins.includes(line.model))) {
    const nearest = line.points.reduce((best, point) =>
      Math.abs(point[0] - stop) < Math.abs(best[0] - stop) ? point : best,
    );
    values.set(line.model, [...(values.get(line.model) ?? []), nearest[1]]);
  }
  const mean = numbers => numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  const told = [...values]
    .map(([model, numbers]) => [model, mean(numbers)])
    .sort((a, b) => (quantity.better === "higher" ? b[1] - a[1] : a[1] - b[1]));
  return [
    `${xTitle.toLowerCase()}: ${tickText(stop)}`,
    ...told.map(([model, value]) =>
      el(
        "div",
        {class: `read line${state.pins.indexOf(model)}`},
        el("i", {"aria-hidden": "true"}),
        `${MODELS[model].name} `,
        el("b", {}, quantity.show(value)),
      ),
    ),
  ];
}
