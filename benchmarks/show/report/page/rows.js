// The data, what the reader chose, and the rows that follow from both.

const DATA = JSON.parse($("data").textContent);
const MODELS = DATA.models,
  MACHINES = DATA.machines,
  SETS = DATA.sets;
const sizeKey = size => size.join("x");
const distinct = values => [...new Set(values)];

const state = {
  text: "",
  group: "",
  size: "",
  machine: "",
  engine: "",
  precision: "",
  layout: "fastest",
  set: 0,
  batch: {},
  sort: {by: "", up: true},
  columns: new Set(),
  x: "latency",
  y: "mask_iou",
  logX: true,
  logY: false,
  pins: [],
  time: "samples",
  hurt: "mask_iou",
  shown: "mask",
  theme: "",
};

// Of a list, the value that occurs most often.
function commonest(values, otherwise = "") {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? otherwise;
}

const onGpu = entry => DATA.machines[entry.machine].device === "cuda";

function choices() {
  const {speed, accuracy} = DATA;
  state.set = accuracy[0]?.set ?? 0; // by set: trained by one recipe first, of most networks, on the hardest data
  const trained = new Set(accuracy.filter(entry => entry.set === state.set).map(entry => sizeKey(entry.size)));
  const same = speed.filter(entry => trained.has(sizeKey(entry.size)));
  const sized = same.length ? same : speed;
  const whole = [sized, DATA.cost, accuracy].find(table => table.length) ?? [];
  state.size = commonest(whole.map(entry => sizeKey(entry.size)));
  state.machine = sized.some(entry => entry.machine === DATA.here)
    ? DATA.here
    : commonest(
        (sized.some(onGpu) ? sized.filter(onGpu) : sized).map(entry => entry.machine),
        "all",
      );
  const here = speed.filter(entry => entry.machine === state.machine);
  for (const name of ["engine", "precision"]) state[name] = commonest(here.map(entry => entry[name]));
  const batches = (entries, measure) => entries.flatMap(entry => Object.keys(entry[measure]));
  for (const measure of ["latency", "throughput", "memory"])
    state.batch[measure] = commonest(batches(here, measure), commonest(batches(speed, measure)));
  state.sort = accuracy.length
    ? {by: "mask_iou", up: false}
    : speed.length
      ? {by: "latency", up: true}
      : {by: "params", up: true};
  const axes =
    speed.length && accuracy.length
      ? ["latency", "mask_iou"]
      : accuracy.length
        ? ["params", "mask_iou"]
        : speed.length
          ? ["params", "latency"]
          : ["params", "flops"];
  chooseAxis("x", axes[0]);
  chooseAxis("y", axes[1]);
  const ranked = distinct(
    rows()
      .sort(order("mask_iou", false))
      .map(row => row.model),
  );
  const baselines = ranked.filter(model => MODELS[model].group === "baseline"); // what the networks have to beat
  const networks = ranked.filter(model => !baselines.includes(model));
  state.pins = [...networks.slice(0, 6 - baselines.length), ...baselines];
}

function chooseAxis(axis, name) {
  state[axis] = name;
  state[axis === "x" ? "logX" : "logY"] = Boolean(QUANTITIES[name].log);
}

// The rows of the table, one per network, size, machine, setting and recipe, as far as the filters let them through.
function rows() {
  const words = state.text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [];
  MODELS.forEach((model, number) => {
    const text = `${model.name} ${model.spec} ${model.group}`.toLowerCase();
    if (!words.every(word => text.includes(word)) || (state.group && state.group !== model.group)) return;
    for (const size of DATA.sizes) {
      if (state.size && state.size !== sizeKey(size)) continue;
      const same = entry => entry.model === number && sizeKey(entry.size) === sizeKey(size);
      const cost = INDEX.cost.get(`${number} ${sizeKey(size)}`) ?? null;
      const tested = accuracySize(sizeKey(size));
      const trained = (INDEX.accuracy.get(`${number} ${tested}`) ?? []).filter(entry => entry.set === state.set);
      const timed = setting((INDEX.speed.get(`${number} ${sizeKey(size)}`) ?? []).filter(same));
      if (!cost && !timed.length && !(trained.length && tested === sizeKey(size))) continue;
      for (const speed of timed.length ? timed : [null])
        for (const accuracy of trained.length ? trained : [null])
          found.push({
            model: number,
            name: model.name,
            group: model.group,
            size,
            cost,
            speed,
            accuracy,
            machine: speed?.machine ?? null,
          });
    }
  });
  return found;
}

// Of one network's timings those of the chosen machine and setting; with "fastest", one per machine, engine and precision.
function setting(entries) {
  const fits = entries.filter(
    entry =>
      (state.machine === "all" || state.machine === entry.machine) &&
      (!state.engine || state.engine === entry.engine) &&
      (!state.precision || state.precision === entry.precision) &&
      (!state.layout || state.layout === "fastest" || state.layout === entry.layout),
  );
  if (state.layout !== "fastest") return fits;
  const alike = Map.groupBy(fits, entry => [entry.machine, entry.engine, entry.precision].join());
  return [...alike.values()].map(fastest);
}

// Of the layouts of one setting the one with the shortest latency, with the best rate of any, which says whose it is.
function fastest(layouts) {
  const rate = entry => entry.throughput[state.batch.throughput]?.images_per_s ?? 0;
  const time = entry => entry.latency[state.batch.latency]?.ms ?? Infinity;
  const first = layouts.reduce((best, entry) =>
    time(entry) < time(best) || (time(entry) === time(best) && rate(entry) > rate(best)) ? entry : best,
  );
  const best = layouts.reduce((one, entry) => (rate(entry) > rate(one) ? entry : one), first);
  if (best === first) return first;
  const cell = {...best.throughput[state.batch.throughput], note: best.layout};
  return {...first, throughput: {...first.throughput, [state.batch.throughput]: cell}};
}

const INDEX = {
  cost: new Map(DATA.cost.map(entry => [`${entry.model} ${sizeKey(entry.size)}`, entry])),
  speed: Map.groupBy(DATA.speed, entry => `${entry.model} ${sizeKey(entry.size)}`),
  accuracy: Map.groupBy(DATA.accuracy, entry => `${entry.model} ${sizeKey(entry.size)}`),
};

// Compares rows by a quantity; what has no number stands last, either way up, and so do rates of smaller batches.
function order(by, up) {
  const value = row =>
    by === "model"
      ? row.model
      : by === "size"
        ? row.size[0] * row.size[1]
        : by === "samples"
          ? row.accuracy?.samples
          : by === "seeds"
            ? row.accuracy?.seeds.length
            : QUANTITIES[by]?.get(row)?.value;
  return (one, other) => {
    const a = value(one),
      b = value(other);
    if (!known(a) || !known(b)) return known(b) - known(a) || one.model - other.model;
    const [many, fewer] = by === "throughput" ? [one, other].map(row => QUANTITIES[by].get(row).cell.batch ?? 0) : [0, 0];
    if (many !== fewer) return fewer - many;
    return (up ? a - b : b - a) || one.model - other.model;
  };
}

// The size whose accuracy stands in rows of a size: the same where the set has it, else the one that most were tested at.
function accuracySize(size) {
  const sizes = DATA.accuracy.filter(entry => entry.set === state.set).map(entry => sizeKey(entry.size));
  return sizes.includes(size) ? size : commonest(sizes);
}

const oneSize = () => accuracySize(state.size);

function setLabel(number) {
  const set = SETS[number];
  if (!set) return "";
  const parts = [
    [set.data ?? "data unknown", set.kind && `(${set.kind})`].filter(Boolean).join(" "),
    {equal: "equal recipe", own: "own recipes", weights: "ready-made weights"}[set.recipe],
  ];
  if (set.samples) parts.push(set.samples);
  if (set.images) parts.push(`${set.images} test images`);
  if (set.precision) parts.push(set.precision);
  return parts.join(", ");
}
