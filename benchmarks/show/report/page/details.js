// The dialog, and the details of one row in it.

function openDialog(title, ...content) {
  untip();
  const dialog = $("details");
  dialog.replaceChildren(
    el(
      "div",
      {class: "top"},
      el("h2", {id: "details-title"}, title),
      el("button", {type: "button", class: "quiet", "aria-label": "Close", onclick: () => dialog.close()}, "✕"),
    ),
    ...content.flat().filter(Boolean),
  );
  if (!dialog.open) dialog.showModal();
}

// How figures are had again: the command, and the revision that they are of.
const again = ({again: [command, revision]}) => [
  ...(command ? [["To repeat it", el("code", {}, command)]] : []),
  ...(revision ? [["Revision", revision]] : []),
];

function details(row) {
  const list = (title, pairs) =>
    pairs.length
      ? [
          el("h3", {}, title),
          el(
            "dl",
            {class: "facts"},
            pairs.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
          ),
        ]
      : [];
  const told = (quantity, found) =>
    known(found?.value)
      ? `${quantity.show(found.value)}${quantity.unit && ` ${quantity.unit}`}${known(found.low) ? ` (95 %: ${quantity.show(found.low)} to ${quantity.show(found.high)})` : ""}`
      : (found?.cell?.failed ?? null);
  const of = names =>
    names
      .map(name => [QUANTITIES[name]?.label, QUANTITIES[name] && told(QUANTITIES[name], QUANTITIES[name].get(row))])
      .filter(([, text]) => text);
  const cell = row.speed?.latency[state.batch.latency];
  const spread =
    cell && known(cell.p5) ? [["5th to 95th percentile", `${three(cell.p5)} to ${three(cell.p95)} ms`]] : [];
  if (known(cell?.p99)) spread.push(["99th percentile", `${three(cell.p99)} ms`]);
  if (cell?.ties?.length) spread.push(["Ties with", cell.ties.join("; ")]);
  if (known(cell?.load)) spread.push(["Load of the machine", String(cell.load)]);
  if (cell?.clocks) spread.push(["Clocks", cell.clocks]);
  const uncounted = Array.isArray(row.cost?.uncounted) ? row.cost.uncounted : Object.keys(row.cost?.uncounted ?? {});
  const accuracy = row.accuracy;
  openDialog(
    row.name,
    el("p", {}, el("code", {}, MODELS[row.model].spec)),
    list(`Cost at ${pixels(row.size)}`, [
      ...of(["params", "flops", "weights"]),
      ["Operations not counted", uncounted.length ? uncounted.join(", ") : "none"],
    ]),
    row.speed &&
      list(`Speed: ${[row.speed.precision, row.speed.engine, row.speed.layout].filter(Boolean).join(", ")}`, [
        ...of(["latency"]),
        ...spread,
        ...of(["throughput", "memory", "training_memory", "compile", "matmul_share", "copy_share"]),
        ["Machine", MACHINES[row.speed.machine].label],
        ...again(row.speed),
      ]),
    accuracy &&
      list("Accuracy", [
        ...of(Object.keys(DATA.metrics)),
        ...of(["seconds"]),
        ["Data", setLabel(accuracy.set)],
        ...(accuracy.learned ? [["Learned from", accuracy.learned]] : []),
        ["Size", pixels(accuracy.size)],
        ["Recipe", [accuracy.recipe ?? "unknown", accuracy.precision].filter(Boolean).join(", in ")],
        ...accuracy.rates
          .filter(tried => tried.length)
          .map(tried => ["Rate", `${tried.find(one => one.chosen).rate}, chosen among ${tried.length} by the loss on the validation split: ${tried.map(one => `${one.rate} gave ${known(one.loss) ? three(one.loss) : "no number"}`).join(", ")}`]),
        ["Seeds", accuracy.seeds.join(", ") || "none"],
        ["Tested on", `${MACHINES[accuracy.machine].label}, ${day(accuracy.date)}`],
        ...(accuracy.trained ? [["Trained on", accuracy.trained]] : []),
        ...(accuracy.failed ? [["Failed", accuracy.failed]] : []),
        ...again(accuracy),
      ]),
  );
}
