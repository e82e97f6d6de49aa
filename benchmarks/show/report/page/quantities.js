// What can be a column or an axis of a chart: its name, unit and direction, and how a row tells it.

const MB = 1e6;
const scaled = (value, unit) => (known(value) ? value / unit : undefined); // null is not 0
const RANGE = (cell, key, unit) =>
  cell && known(cell[key])
    ? {value: cell[key] / unit, low: scaled(cell.interval?.[0], unit), high: scaled(cell.interval?.[1], unit), cell}
    : cell
      ? {cell}
      : null;
const PLAIN = (from, key, unit) =>
  from && known(from[key]) ? {value: from[key] / unit} : from?.failed ? {cell: from} : null;
const METRIC = name => row => {
  if (!row.accuracy) return null;
  const [value, low, high, spread] = row.accuracy.values[name] ?? [];
  return {value, low, high, spread, cell: {...row.accuracy, place: row.accuracy.place[name]}};
};

// What can be a column or an axis: get(row) -> {value, low, high, spread, cell}, or null where nothing was measured.
const QUANTITIES = {
  latency: {
    label: "Latency",
    unit: "ms",
    better: "lower",
    log: true,
    speed: true,
    get: row => RANGE(row.speed?.latency[state.batch.latency], "ms", 1),
    show: three,
  },
  throughput: {
    label: "Throughput",
    unit: "images/s",
    better: "higher",
    log: true,
    speed: true,
    get: row => RANGE(row.speed?.throughput[state.batch.throughput], "images_per_s", 1),
    show: three,
  },
  memory: {
    label: "Memory",
    unit: "MB",
    better: "lower",
    log: true,
    speed: true,
    get: row => RANGE(row.speed?.memory[state.batch.memory], "inference_bytes", MB),
    show: three,
  },
  training_memory: {
    label: "Training memory",
    unit: "MB",
    better: "lower",
    log: true,
    speed: true,
    get: row => {
      const cell = row.speed?.memory[state.batch.memory];
      return PLAIN(cell && {...cell, failed: cell.training_failed ?? cell.failed}, "training_bytes", MB);
    },
    show: three,
  },
  compile: {
    label: "Compile time",
    unit: "s",
    better: "lower",
    log: true,
    speed: true,
    get: row => PLAIN(row.speed?.latency[state.batch.latency], "compile_s", 1),
    show: three,
  },
  matmul_share: {
    label: "Matrix peak reached",
    unit: "%",
    better: "higher",
    speed: true,
    get: row => PLAIN(row.speed?.latency[state.batch.latency], "matmul_share", 0.01),
    show: three,
  },
  copy_share: {
    label: "Copy peak reached",
    unit: "%",
    better: "higher",
    speed: true,
    get: row => PLAIN(row.speed?.latency[state.batch.latency], "copy_share", 0.01),
    show: three,
  },
  params: {
    label: "Parameters",
    unit: "M",
    better: "lower",
    log: true,
    get: row => PLAIN(row.cost, "params", 1e6),
    show: three,
  },
  flops: {
    label: "Compute",
    unit: "GFLOPs",
    better: "lower",
    log: true,
    get: row => PLAIN(row.cost, "flops", 1e9),
    show: three,
  },
  weights: {
    label: "Weights",
    unit: "MB",
    better: "lower",
    log: true,
    get: row => PLAIN(row.cost, "weight_bytes", MB),
    show: three,
  },
  mask_iou: {label: "Mask IoU", unit: "", better: "higher", get: METRIC("mask_iou"), show: fixed(3)},
  mask_false_area: {
    label: "False-positive area",
    unit: "",
    better: "lower",
    about: DATA.metrics.mask_false_area?.about,
    get: METRIC("mask_false_area"),
    show: fixed(4),
  },
  depth_rmse: {label: "Depth RMSE", unit: "", better: "lower", get: METRIC("depth_rmse"), show: fixed(4)},
  seconds: {
    label: "Training time",
    unit: "s",
    better: "lower",
    log: true,
    get: row => PLAIN(row.accuracy, "seconds", 1),
    show: three,
  },
};
for (const [name, about] of Object.entries(DATA.metrics))
  QUANTITIES[name] ??= {
    label: name[0].toUpperCase() + name.slice(1).replaceAll("_", " "),
    unit: about.unit,
    better: about.better,
    about: about.about,
    get: METRIC(name),
    show: three,
  };
const direction = quantity => ({higher: "higher is better", lower: "lower is better"})[quantity.better] ?? "";
const axisTitle = quantity =>
  [
    quantity.unit ? `${quantity.label}, ${quantity.unit}` : quantity.label,
    direction(quantity) && `(${direction(quantity)})`,
  ].join(" ");
