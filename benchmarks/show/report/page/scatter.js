// Any quantity against any other, with the front of what nothing beats; a panel per machine and size.

const SHAPES = {
  founding: "M-5.5 0a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0-11 0z",
  variant: "M-6-4.5h12L0 6.5z",
  family: "M-5-5h10v10h-10z",
  baseline: "M0-7 7 0 0 7-7 0z",
  community: "M0-6.5 6.5 5.5h-13z",
  yours: "M-2-6.5h4v4.5h4.5v4h-4.5v4.5h-4v-4.5h-4.5v-4h4.5z",
};
const groupClass = group => (group in SHAPES ? group : "yours");

function renderScatter() {
  const x = QUANTITIES[state.x],
    y = QUANTITIES[state.y];
  const byMachine = x.speed || y.speed;
  const points = rows()
    .map(row => ({row, x: x.get(row), y: y.get(row)}))
    .filter(
      point =>
        known(point.x?.value) &&
        known(point.y?.value) &&
        !(state.logX && point.x.value <= 0) &&
        !(state.logY && point.y.value <= 0),
    );
  const byBatch = state.x === "throughput" || state.y === "throughput"; // rates of different batches do not compare
  const batchOf = row => (byBatch ? row.speed.throughput[state.batch.throughput].batch : "");
  const panels = Map.groupBy(points, ({row}) =>
    [byMachine ? row.machine : "", sizeKey(row.size), batchOf(row)].join(),
  );
  const many = panels.size > 1;
  const holder = $("scatter");
  holder.classList.toggle("two", many);
  holder.replaceChildren(
    ...[...panels.values()].map(members => {
      const {row} = members[0];
      const tested =
        row.accuracy &&
        sizeKey(row.accuracy.size) !== sizeKey(row.size) &&
        `accuracy at ${pixels(row.accuracy.size)}`;
      const batch = byBatch && `batch ${batchOf(row)}`;
      const setting = byMachine ? [state.precision, state.engine] : [];
      const trained = [state.x, state.y].some(name => name in DATA.metrics) && setLabel(state.set);
      const title = [byMachine && MACHINES[row.machine]?.label, pixels(row.size), ...setting, batch, trained, tested]
        .filter(Boolean)
        .join(", ");
      const figure = el("figure", {}, el("figcaption", {}, title));
      holder.append(figure);
      figure.append(scatterChart(once(members), x, y, figure.clientWidth || holder.clientWidth, title));
      return figure;
    }),
  );
  if (!points.length)
    holder.replaceChildren(
      el("p", {class: "note"}, "No network here has both numbers. Choose other axes or filters."),
    );
  const shown = new Set(points.map(point => point.row.model));
  const lacking = distinct(
    rows()
      .filter(row => !shown.has(row.model) && known(x.get(row)?.value) && !known(y.get(row)?.value))
      .map(row => row.name),
  );
  if (lacking.length && points.length)
    holder.append(el("p", {class: "note"}, `Without ${y.label}: ${firstOf(lacking, 3)}`));
  const groups = distinct(points.map(point => point.row.group));
  $("scatter-legend").replaceChildren(
    ...groups.map(group =>
      el(
        "span",
        {class: `key ${groupClass(group)}`},
        draw(
          "svg",
          {width: 16, height: 16, viewBox: "-8 -8 16 16", "aria-hidden": "true"},
          draw("path", {class: "point", d: SHAPES[groupClass(group)]}),
        ),
        group,
      ),
    ),
    x.better !== "neither" && y.better !== "neither"
      ? el(
          "span",
          {class: "key"},
          draw(
            "svg",
            {width: 26, height: 16, viewBox: "0 0 26 16", "aria-hidden": "true"},
            draw("path", {class: "front", d: "M1 8H25"}),
          ),
          "the front: nothing here beats these in both",
        )
      : "",
    el("span", {class: "key"}, "bars: 95 % intervals"),
  );
}

// The first of many names, and how many more there are.
function firstOf(names, most) {
  const more = names.length - most;
  return [...names.slice(0, most), ...(more > 0 ? [`${more} more`] : [])].join(", ");
}

// Layouts or recipes do not show on every pair of axes: the same point once.
function once(points) {
  const found = new Map(points.map(point => [[point.row.model, point.x.value, point.y.value].join(), point]));
  return [...found.values()].sort((a, b) => a.x.value - b.x.value);
}

function frontOf(points, x, y) {
  const signX = x.better === "higher" ? -1 : 1,
    signY = y.better === "higher" ? -1 : 1;
  const best = [];
  for (const point of [...points].sort((a, b) => signX * (a.x.value - b.x.value) || signY * (a.y.value - b.y.value)))
    if (!best.length || signY * point.y.value < signY * best.at(-1).y.value) best.push(point);
  return best;
}

function scatterChart(points, x, y, width, title) {
  const height = Math.round(Math.min(500, Math.max(330, width * 0.56)));
  const box = {left: 52, right: width - 14, top: 30, bottom: height - 46};
  const ends = (axis, log) =>
    points
      .flatMap(point => [point[axis].value, point[axis].low, point[axis].high])
      .filter(value => known(value) && (!log || value > 0));
  const onX = scale(ends("x", state.logX), box.left, box.right, state.logX),
    onY = scale(ends("y", state.logY), box.bottom, box.top, state.logY);
  const svg = draw("svg", {
    class: "chart",
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: "group",
    "aria-label": `${y.label} against ${x.label}, ${title}`,
  });
  frame(svg, onX, onY, box, axisTitle(x), axisTitle(y));
  const best = x.better === "neither" || y.better === "neither" ? [] : frontOf(points, x, y);
  if (best.length > 1)
    svg.append(
      draw("path", {
        class: "front",
        d: best
          .map((point, i) =>
            i
              ? `H${onX.at(point.x.value)}V${onY.at(point.y.value)}`
              : `M${onX.at(point.x.value)} ${onY.at(point.y.value)}`,
          )
          .join(""),
      }),
    );
  const marks = points.map((point, i) => pointMark(point, i, points, best, x, y, onX, onY));
  svg.append(...marks, ...labels(points, best, onX, onY, box));
  svg.addEventListener("keydown", event => {
    const now = marks.indexOf(document.activeElement);
    const next = {
      ArrowRight: now + 1,
      ArrowDown: now + 1,
      ArrowLeft: now - 1,
      ArrowUp: now - 1,
      Home: 0,
      End: marks.length - 1,
    }[event.key];
    if (event.key === "Escape") untip();
    if (next === undefined || now < 0) return;
    event.preventDefault();
    const target = marks[Math.min(Math.max(next, 0), marks.length - 1)];
    marks.forEach(other => other.setAttribute("tabindex", other === target ? 0 : -1));
    target.focus();
  });
  return svg;
}

function pointMark(point, number, points, best, x, y, onX, onY) {
  const at = onX.at(point.x.value),
    to = onY.at(point.y.value),
    {row} = point;
  const told = (quantity, found) =>
    [
      `${quantity.label} ${quantity.show(found.value)}${quantity.unit && ` ${quantity.unit}`}`,
      known(found.low) && known(found.high) && ` (${quantity.show(found.low)}–${quantity.show(found.high)})`,
    ]
      .filter(Boolean)
      .join("");
  const seeds =
    row.accuracy?.seeds.length === 1 && (state.x in DATA.metrics || state.y in DATA.metrics) && "one seed";
  const lines = [
    row.name,
    told(x, point.x),
    told(y, point.y),
    [...(row.speed && (x.speed || y.speed) ? [row.speed.precision, row.speed.engine, row.speed.layout] : []), seeds]
      .filter(Boolean)
      .join(", "),
    best.includes(point) && "on the front",
  ].filter(Boolean);
  const node = draw(
    "g",
    {
      class: `dot ${groupClass(row.group)}${best.includes(point) ? " best" : ""}${state.pins.includes(row.model) ? " pinned" : ""}`,
      tabindex: number ? -1 : 0,
      role: "button",
      "aria-label": lines.join(", "),
    },
    known(point.x.low) &&
      known(point.x.high) &&
      draw("path", {class: "bar", d: `M${onX.at(point.x.low)} ${to}H${onX.at(point.x.high)}`}),
    known(point.y.low) &&
      known(point.y.high) &&
      draw("path", {class: "bar", d: `M${at} ${onY.at(point.y.low)}V${onY.at(point.y.high)}`}),
    draw("circle", {class: "reach", cx: at, cy: to, r: 13}),
    draw("path", {class: "point", transform: `translate(${at} ${to})`, d: SHAPES[groupClass(row.group)]}),
  );
  const show = () => tip(node.querySelector(".reach"), lines);
  for (const event of ["mouseenter", "focus"]) node.addEventListener(event, show);
  for (const event of ["mouseleave", "blur"]) node.addEventListener(event, untip);
  node.addEventListener("click", () => details(row));
  node.addEventListener("keydown", event => {
    if (["Enter", " "].includes(event.key)) {
      event.preventDefault();
      details(row);
    }
  });
  return node;
}

// Where a name may stand from its point: right and down in pixels, and the side of it that lies there.
const PLACES = [
  [10, 4, "start"],
  [-10, 4, "end"],
  [0, -11, "middle"],
  [0, 20, "middle"],
];
const ASIDE = [28, 44, 60, 76]; // pixels to a name that found no room beside its point
for (const far of ASIDE)
  for (const down of [-far, far + 10])
    PLACES.push([0, down, "middle"], [far / 2, down, "start"], [-far / 2, down, "end"]);

// A name beside each point or led to it, the front's first; what finds no room has its tooltip.
function labels(points, best, onX, onY, box) {
  const taken = points.map(point => [
    onX.at(point.x.value) - 7,
    onY.at(point.y.value) - 7,
    onX.at(point.x.value) + 7,
    onY.at(point.y.value) + 7,
  ]);
  const found = [];
  const pinned = points.filter(point => state.pins.includes(point.row.model));
  for (const point of new Set([...best, ...pinned, ...points])) {
    const at = onX.at(point.x.value),
      to = onY.at(point.y.value),
      wide = 6.7 * point.row.name.length;
    for (const [dx, dy, anchor] of PLACES) {
      const left = at + dx - {start: 0, middle: wide / 2, end: wide}[anchor];
      const own = [left, to + dy - 10, left + wide, to + dy + 3];
      if (
        own[0] < box.left ||
        own[2] > box.right + 12 ||
        own[1] < box.top - 8 ||
        own[3] > box.bottom ||
        taken.some(other => own[0] < other[2] && other[0] < own[2] && own[1] < other[3] && other[1] < own[3])
      )
        continue;
      taken.push(own);
      if (Math.abs(dy) >= ASIDE[0]) {
        const [begin, end] = dy < 0 ? [to - 8, own[3]] : [to + 8, own[1]];
        found.push(draw("path", {class: "leader", d: `M${at} ${begin}L${at + dx} ${end}`}));
      }
      found.push(
        draw(
          "text",
          {
            class: `name${best.includes(point) ? " best" : ""}`,
            x: at + dx,
            y: to + dy,
            "text-anchor": anchor,
            "aria-hidden": "true",
          },
          point.row.name,
        ),
      );
      break;
    }
  }
  return found;
}
