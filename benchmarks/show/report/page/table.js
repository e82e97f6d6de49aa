// The table: a body per machine, sorted within each, so that machines are never ranked against each other.

const FIXED = [
  "model",
  "mask_iou",
  "depth_rmse",
  "latency",
  "throughput",
  "memory",
  "params",
  "flops",
  "samples",
  "seeds",
  "setting",
  "machine",
];
const WORDS = {
  model: {label: "Network", sort: true, cell: nameCell},
  setting: {label: "Setting", sort: "size", cell: settingCell},
  samples: {
    label: "Samples",
    unit: "trained on",
    sort: true,
    cell: row => (row.accuracy && known(row.accuracy.samples) ? [count(row.accuracy.samples), recipe(row)] : null),
  },
  seeds: {label: "Seeds", sort: true, cell: seedCell},
  machine: {label: "Machine", cell: machineCell},
};

function columns() {
  const more = Object.keys(QUANTITIES).filter(name => state.columns.has(name));
  const measured = name => !QUANTITIES[name] || everywhere.some(row => QUANTITIES[name].get(row));
  const trained = name => !["samples", "seeds"].includes(name) || DATA.accuracy.length > 0;
  return [...FIXED.filter(name => measured(name) && trained(name)), ...more];
}

function renderTable() {
  const found = rows();
  const machines = distinct(found.map(row => row.machine)).sort((a, b) => (a ?? 1e9) - (b ?? 1e9));
  const head = el("thead", {}, el("tr", {}, columns().map(headCell)));
  const bodies = machines.map(machine => {
    const own = found.filter(row => row.machine === machine).sort(order(state.sort.by, state.sort.up));
    const title =
      machines.length > 1 &&
      el(
        "tr",
        {class: "machine"},
        el(
          "th",
          {colspan: columns().length, scope: "rowgroup"},
          el(
            "span",
            {},
            machine === null ? "Speed not measured in this setting" : `Speed measured on ${MACHINES[machine].label}`,
          ),
        ),
      );
    return el("tbody", {}, title, own.map(tableRow));
  });
  const focused = document.activeElement?.dataset?.sort;
  $("table").replaceChildren(
    el("table", {}, el("caption", {class: "hidden"}, "Cost, speed and accuracy of each network"), head, bodies),
  );
  if (focused) $("table").querySelector(`[data-sort="${focused}"]`)?.focus();
  const networks = distinct(found.map(row => row.model)).length;
  const parts = [
    found.length
      ? `${found.length} row${found.length === 1 ? "" : "s"}, ${networks} network${networks === 1 ? "" : "s"}.`
      : "Nothing fits these filters.",
  ];
  if (machines.length === 1 && machines[0] !== null) parts.push(`Speed: ${MACHINES[machines[0]].label}.`);
  if (machines.length > 1)
    parts.push("Each machine is sorted by itself: times of different machines do not compare.");
  if (found.length && !state.size) parts.push("Several sizes stand together: compare within one.");
  if (found.some(row => row.accuracy))
    parts.push(
      `Accuracy: ${setLabel(state.set)}${state.size && oneSize() !== state.size ? `, at ${oneSize().replace("x", " × ")} pixels` : ""}.`,
    );
  $("table-note").textContent = parts.join(" ");
  $("table-key").replaceChildren(
    mark("best"),
    " best where all else is equal (machine, size, batch, engine, precision; or data, samples and way of training).  ",
    mark("tie"),
    " not told apart from the best at 95 %.  Small figures: 95 % intervals.  ~ stopped early.",
  );
}

function headCell(name) {
  const quantity = QUANTITIES[name] ?? WORDS[name];
  const by = quantity.sort === undefined || quantity.sort === true ? name : quantity.sort;
  const tested = name in DATA.metrics && state.size && oneSize() !== state.size;
  const batch = tested
    ? `at ${oneSize().replace("x", " × ")}`
    : ["latency", "throughput", "memory"].includes(name) && state.batch[name]
      ? batchLabel(state.batch[name])
      : "";
  const lines = [quantity.unit, batch, QUANTITIES[name] ? direction(quantity) : ""].filter(Boolean);
  const arrow = {ascending: "▲", descending: "▼"};
  const inside = now => [
    el(
      "span",
      {class: "label"},
      quantity.label,
      arrow[now] && el("span", {class: "arrow", "aria-hidden": "true"}, arrow[now]),
    ),
    ...lines.map(line => el("span", {class: "unit"}, line)),
  ];
  const sortable = QUANTITIES[name] || quantity.sort;
  const now = state.sort.by === by ? (state.sort.up ? "ascending" : "descending") : "none";
  return el(
    "th",
    {
      scope: "col",
      class: WORDS[name] && name !== "samples" && name !== "seeds" ? "words" : "number",
      title: quantity.about || null,
      "aria-sort": sortable ? now : null,
    },
    sortable ? el("button", {type: "button", "data-sort": by, onclick: () => sortBy(by)}, inside(now)) : inside(),
  );
}

const batchLabel = batch => (batch === "largest" ? "largest batch that fits" : `batch ${batch}`);

// First click: best first; second: the other way.
function sortBy(by) {
  const best = QUANTITIES[by]?.better !== "higher";
  state.sort = {by, up: state.sort.by === by ? !state.sort.up : best};
  renderTable();
}

function tableRow(row) {
  return el(
    "tr",
    {},
    columns().map(name => {
      if (name === "model") return el("th", {scope: "row", class: "words"}, nameCell(row));
      const words = WORDS[name]?.cell;
      const inside = words ? words(row) : numberCell(row, QUANTITIES[name]);
      return el(
        "td",
        {class: words && name !== "samples" && name !== "seeds" ? "words" : "number"},
        inside ?? el("span", {class: "none"}, "–"),
      );
    }),
  );
}

function nameCell(row) {
  const pinned = state.pins.indexOf(row.model);
  return el(
    "div",
    {class: "name"},
    el("button", {
      type: "button",
      class: `pin ${pinned >= 0 ? `line${pinned}` : ""}`,
      "aria-pressed": String(pinned >= 0),
      "aria-label": `Highlight ${row.name} in the curves`,
      title: "highlight in the curves",
      onclick: () => pin(row.model),
    }),
    el("button", {type: "button", class: "link", onclick: () => details(row)}, breakable(row.name)),
    el("span", {class: `group ${groupClass(row.group)}`}, row.group),
  );
}

// A long name may go on to the next line after an underscore, a comma or a bracket.
const breakable = name => name.split(/(?<=[_,(/:])/).flatMap(part => [part, el("wbr")]);

function settingCell(row) {
  const speed = row.speed;
  return [
    pixels(row.size),
    speed &&
      el(
        "small",
        {},
        [speed.precision, speed.engine].filter(Boolean).join(" "),
        speed.layout && [" ", el("span", {}, speed.layout.replace("_", "\u00a0"))],
        speed.latency[state.batch.latency]?.faster &&
          el("abbr", {title: "this layout is faster than the network's other one beyond doubt"}, "*"),
      ),
  ];
}

function numberCell(row, quantity) {
  const found = quantity.get(row);
  if (!found) return null;
  const cell = found.cell ?? {};
  if (!known(found.value))
    return cell.failed || cell.status === "failed"
      ? failed(row, cell.failed)
      : cell.status === "interrupted"
        ? "stopped"
        : null;
  const ties = cell.ties?.length ? `ties with ${cell.ties.join("; ")}` : null;
  const sure = known(found.low) && known(found.high);
  return [
    cell.place && mark(cell.place, ties),
    quantity.show(found.value),
    cell.status === "interrupted" && "~",
    known(cell.batch) && String(cell.batch) !== state.batch.throughput && el("small", {}, `batch ${cell.batch}`),
    cell.note && el("small", {}, cell.note),
    quantity.speed || !cell.size || sizeKey(cell.size) === sizeKey(row.size) || state.size
      ? null
      : el("small", {}, `at ${pixels(cell.size)}`),
    sure && el("small", {title: "95 % interval"}, `${quantity.show(found.low)}–${quantity.show(found.high)}`),
    known(found.spread) &&
      el("small", {title: "standard deviation over seeds"}, `± ${quantity.show(found.spread)} over seeds`),
  ];
}

const mark = (place, title) =>
  place === "best"
    ? el("abbr", {class: "mark", title: title ? `best; ${title}` : "best"}, "★")
    : el("abbr", {class: "mark tie", title: title ?? "tie with the best"}, "tie");
const failed = (row, reason) =>
  el("button", {type: "button", class: "failed", title: reason ?? "failed", onclick: () => details(row)}, "failed");

function recipe(row) {
  const {recipe, precision, learned} = row.accuracy; // a precision is told where it is not the recipe's
  const how = [recipe === "equal" ? "" : recipe, precision].filter(Boolean).join(", in ");
  const told = [learned && `of ${learned}`, how].filter(Boolean).join("; ");
  return told ? el("small", {}, told) : null;
}

function seedCell(row) {
  if (!row.accuracy) return null;
  const seeds = row.accuracy.seeds.length;
  if (!seeds) return row.accuracy.failed ? failed(row, row.accuracy.failed) : null;
  return seeds === 1
    ? [
        el("span", {class: "one", title: "one seed does not tell how much the next would differ"}, "1"),
        el("small", {}, "one seed"),
      ]
    : String(seeds);
}

// Where the speed was measured, and where and when the accuracy was trained, if elsewhere.
function machineCell(row) {
  const speed = row.speed && MACHINES[row.speed.machine],
    trained = row.accuracy && MACHINES[row.accuracy.machine];
  const timed =
    row.speed &&
    Object.values({...row.speed.memory, ...row.speed.throughput, ...row.speed.latency})
      .map(cell => cell.date)
      .filter(Boolean)
      .sort()
      .at(-1);
  const also = trained && speed === trained && day(row.accuracy.date) === day(timed);
  const parts = [];
  if (speed)
    parts.push(
      el("span", {title: speed.label}, speed.name),
      el("small", {}, [speed.device, day(timed), also && "tested there too"].filter(Boolean).join(", ")),
    );
  if (trained && !also)
    parts.push(
      el(
        "small",
        {title: trained.label},
        `tested on ${speed === trained ? "it" : trained.name}, ${day(row.accuracy.date)}`,
      ),
    );
  return parts.length ? parts : null;
}
