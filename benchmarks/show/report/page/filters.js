// What the reader can choose: filters of all sections, and the controls of each.

function select(label, options, value, change) {
  const control = el(
    "select",
    {onchange: event => change(event.target.value)},
    options.map(([key, text]) => el("option", {value: key, selected: String(key) === String(value)}, text)),
  );
  return el("label", {}, el("span", {}, label), control);
}

const check = (label, on, change) =>
  el(
    "label",
    {class: "check"},
    el("input", {type: "checkbox", checked: on, onchange: event => change(event.target.checked)}),
    label,
  );
const then = apply => value => {
  apply(value);
  render();
};

function filters() {
  const {speed} = DATA;
  const values = name =>
    distinct(speed.map(entry => entry[name]))
      .filter(value => value !== null && value !== undefined)
      .sort();
  const search = el("input", {
    type: "search",
    placeholder: "name or option",
    autocomplete: "off",
    oninput: then(event => {
      state.text = event.target.value;
    }),
  });
  const fields = [el("label", {class: "search"}, el("span", {}, "Search"), search)];
  const add = (label, options, value, change) =>
    options.length > 1 && fields.push(select(label, options, value, then(change)));
  const groups = distinct(MODELS.map(model => model.group));
  add(
    "Networks",
    groups.length > 1 ? [["", "all"], ...groups.map(group => [group, group])] : [],
    state.group,
    value => {
      state.group = value;
    },
  );
  add(
    "Size",
    DATA.sizes.length > 1 ? [...DATA.sizes.map(size => [sizeKey(size), pixels(size)]), ["", "all"]] : [],
    state.size,
    value => {
      state.size = value;
    },
  );
  const machines = distinct(speed.map(entry => entry.machine)).sort((a, b) => a - b);
  add(
    "Speed measured on",
    machines.length > 1
      ? [...machines.map(machine => [machine, MACHINES[machine].label]), ["all", "all, each by itself"]]
      : [],
    state.machine,
    value => {
      state.machine = value === "all" ? value : Number(value);
    },
  );
  for (const [name, label] of [
    ["engine", "Engine"],
    ["precision", "Precision"],
  ])
    add(
      label,
      values(name).length > 1 ? [...values(name).map(value => [value, value]), ["", "all"]] : [],
      state[name],
      value => {
        state[name] = value;
      },
    );
  const layouts = values("layout");
  add(
    "Layout",
    layouts.length > 1 ? [["fastest", "the faster one"], ...layouts.map(value => [value, value]), ["", "all"]] : [],
    state.layout,
    value => {
      state.layout = value;
    },
  );
  for (const measure of ["latency", "throughput", "memory"]) {
    const batches = distinct(speed.flatMap(entry => Object.keys(entry[measure]))).sort((a, b) => a - b);
    add(
      `Batch for ${measure}`,
      batches.map(batch => [batch, batch === "largest" ? "largest that fits" : batch]),
      state.batch[measure],
      value => {
        state.batch[measure] = value;
      },
    );
  }
  add(
    "Accuracy on",
    SETS.map((_, i) => [i, setLabel(i)]),
    state.set,
    value => {
      state.set = Number(value);
    },
  );
  $("filters").replaceChildren(...fields);
  $("filters").addEventListener("submit", event => event.preventDefault());
}

function sectionControls() {
  const present = Object.entries(QUANTITIES).filter(([, quantity]) =>
    everywhere.some(row => known(quantity.get(row)?.value)),
  );
  const options = present.map(([name, quantity]) => [
    name,
    quantity.unit ? `${quantity.label}, ${quantity.unit}` : quantity.label,
  ]);
  const logX = check(
      "log",
      state.logX,
      then(on => {
        state.logX = on;
      }),
    ),
    logY = check(
      "log",
      state.logY,
      then(on => {
        state.logY = on;
      }),
    );
  const axis = (label, name, log) =>
    select(
      label,
      options,
      state[name],
      then(value => {
        chooseAxis(name, value);
        log.firstChild.checked = state[name === "x" ? "logX" : "logY"];
      }),
    );
  $("scatter-controls").replaceChildren(axis("Across", "x", logX), logX, axis("Up", "y", logY), logY,
    el("span", {class: "soft"}, "arrow keys go from point to point"),
  );
  $("curves-controls").replaceChildren(
    select(
      "Against",
      [
        ["samples", "samples"],
        ["seconds", "seconds of training"],
      ],
      state.time,
      then(value => {
        state.time = value;
      }),
    ),
  );
  const metrics = [
    ["mask_iou", "Mask IoU"],
    ["depth_rmse", "Depth RMSE"],
    ["mask_false_area", "False-positive area"],
  ];
  $("sensitivity-controls").replaceChildren(
    select(
      "Show",
      metrics.filter(([name]) => QUANTITIES[name]),
      state.hurt,
      then(value => {
        state.hurt = value;
      }),
    ),
  );
  $("gallery-controls").replaceChildren(
    select(
      "Show",
      [
        ["mask", "masks"],
        ["depth", "depths"],
      ],
      state.shown,
      then(value => {
        state.shown = value;
      }),
    ),
  );
  const more = present.filter(([name]) => !FIXED.includes(name));
  $("columns").replaceChildren(
    ...more.map(([name, quantity]) =>
      check(quantity.label, false, on => {
        state.columns[on ? "add" : "delete"](name);
        renderTable();
      }),
    ),
  );
}
