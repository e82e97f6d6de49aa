// Elements, numbers as text, scales, and the one tooltip. Text from the data is only ever set as text.

const SVG = "http://www.w3.org/2000/svg";
const $ = id => document.getElementById(id);

function el(tag, attributes = {}, ...children) {
  return fillIn(document.createElement(tag), attributes, children);
}

function draw(tag, attributes = {}, ...children) {
  return fillIn(document.createElementNS(SVG, tag), attributes, children);
}

function fillIn(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter(child => child !== null && child !== undefined && child !== false));
  return node;
}

// ---- numbers ----

const known = value => typeof value === "number" && Number.isFinite(value);
const grouped = new Intl.NumberFormat("en", {maximumFractionDigits: 0});
const count = value => grouped.format(value).replaceAll(",", "\u202f");

// Three figures, or all before the point.
function three(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 0.001) return (value < 0 ? "−" : "") + "<0.001";
  if (size >= 999.5) return count(value);
  return value.toFixed(size < 1 ? 3 : size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
}

const fixed = digits => value => value.toFixed(digits);
const pixels = size => `${size[0]} × ${size[1]}`;
const day = date => (date || "").slice(0, 10);

// ---- scales: {at: value -> pixel, ticks: [[value, text]]} ----

function scale(values, from, to, log) {
  return log
    ? logScale(
        values.filter(v => v > 0),
        from,
        to,
      )
    : linearScale(values, from, to);
}

function linearScale(values, from, to) {
  let low = Math.min(...values),
    high = Math.max(...values);
  const pad = 0.06 * (high - low) || 0.06 * Math.abs(high) || 1;
  low = low >= 0 ? Math.max(low - pad, -pad / 3) : low - pad;
  high += pad;
  const rough = (high - low) / Math.max(2, Math.abs(to - from) / (to > from ? 85 : 45));
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * (rough < 1.5 * unit ? 1 : rough < 3.5 * unit ? 2 : rough < 7.5 * unit ? 5 : 10);
  const ticks = [];
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  for (let i = Math.ceil(low / step); i * step <= high; i++)
    ticks.push([i * step, high < 1e4 && digits < 5 ? (i * step).toFixed(digits) : tickText(i * step)]);
  return {at: value => from + ((value - low) / (high - low)) * (to - from), ticks};
}

function logScale(values, from, to) {
  let low = Math.log10(Math.min(...values)),
    high = Math.log10(Math.max(...values));
  const pad = 0.06 * (high - low) || 0.3;
  low -= pad;
  high += pad;
  const room = Math.abs(to - from) / (high - low); // pixels of a factor of ten
  const factors = room > 190 ? [1, 2, 5] : room > 95 ? [1, 3] : [1];
  const ticks = [];
  for (let power = Math.floor(low); power <= high; power++)
    for (const factor of factors) {
      const value = factor * 10 ** power,
        at = Math.log10(value);
      if (at >= low && at <= high) ticks.push([value, tickText(value)]);
    }
  if (ticks.length < 2) {
    // a narrow range: round numbers of an even axis
    const even = linearScale([10 ** low, 10 ** high], from, to).ticks;
    ticks.splice(0, ticks.length, ...even.filter(([value]) => Math.log10(value) >= low && Math.log10(value) <= high));
  }
  const place = value => (value > 0 ? Math.log10(value) : low);
  return {at: value => from + ((place(value) - low) / (high - low)) * (to - from), ticks};
}

function tickText(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(3))} k`;
  return size < 1e-4 ? value.toExponential(0) : String(Number(value.toPrecision(4)));
}

// ---- the frame of a chart: grid, ticks, titles of the axes ----

function frame(svg, x, y, box, xTitle, yTitle) {
  for (const [value, text] of x.ticks) {
    const at = x.at(value);
    svg.append(
      draw("path", {class: "grid", d: `M${at} ${box.top}V${box.bottom}`}),
      draw("text", {class: "tick", x: at, y: box.bottom + 17, "text-anchor": "middle"}, text),
    );
  }
  for (const [value, text] of y.ticks) {
    const at = y.at(value);
    svg.append(
      draw("path", {class: "grid", d: `M${box.left} ${at}H${box.right}`}),
      draw("text", {class: "tick", x: box.left - 7, y: at + 4, "text-anchor": "end"}, text),
    );
  }
  svg.append(
    draw("text", {class: "axis", x: box.right, y: box.bottom + 36, "text-anchor": "end"}, xTitle),
    draw("text", {class: "axis", x: 2, y: box.top - 12}, yTitle),
  );
}

// ---- the tooltip ----

function tip(target, lines) {
  const box = $("tip");
  box.replaceChildren(
    ...lines.map((line, i) => (line instanceof Node ? line : el("div", {class: i ? "" : "first"}, line))),
  );
  box.hidden = false;
  const at = target.getBoundingClientRect(),
    own = box.getBoundingClientRect(),
    room = document.documentElement.clientWidth;
  const left = Math.min(Math.max(8, at.left + at.width / 2 - own.width / 2), room - own.width - 8);
  const above = at.top - own.height - 10;
  box.style.left = `${left + scrollX}px`;
  box.style.top = `${(above > 8 ? above : at.bottom + 10) + scrollY}px`;
}

function untip() {
  $("tip").hidden = true;
}
