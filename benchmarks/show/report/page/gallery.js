// The same scenes through every network: a row per network, a column per scene. Its pictures are read when first seen.

let PICTURES = null;

function renderGallery() {
  PICTURES ??= JSON.parse($("pictures").textContent);
  $("gallery-section").hidden = !PICTURES.scenes.length && !PICTURES.problems.length;
  const size = oneSize();
  const scenes = PICTURES.scenes.find(scene => scene.set === state.set && sizeKey(scene.size) === size);
  const shown = new Set(rows().map(row => row.model));
  const by = state.shown === "mask" ? "mask_iou" : "depth_rmse";
  const quantity = QUANTITIES[by];
  const value = network => DATA.accuracy[network.entry].values[by]?.[0];
  const networks = scenes
    ? PICTURES.networks
        .filter(({entry}) => {
          const own = DATA.accuracy[entry];
          return own.set === state.set && sizeKey(own.size) === size && shown.has(own.model);
        })
        .sort(
          (a, b) =>
            known(value(b)) - known(value(a)) ||
            (quantity?.better === "higher" ? value(b) - value(a) : value(a) - value(b)),
        )
    : [];
  $("gallery-note").textContent = [
    scenes ? `${where()} Best first; choose a picture to see it large.` : "No pictures were kept for these filters.",
    ...PICTURES.problems.map(problem => `Not shown: ${problem}.`),
  ].join(" ");
  if (!scenes) return $("gallery").replaceChildren();
  const truth = state.shown === "mask" ? 2 : 3,
    predicted = state.shown === "mask" ? 0 : 1;
  const line = (name, detail, tiles, open) =>
    el(
      "tr",
      {},
      el("th", {scope: "row"}, name, detail && el("small", {}, detail)),
      tiles.map((tile, i) =>
        el(
          "td",
          {},
          el(
            "button",
            {
              type: "button",
              class: "tile",
              "aria-label": `${name}, scene ${i + 1}: see it large`,
              onclick: () => open(i),
            },
            picture(tile, scenes.size, ""),
          ),
        ),
      ),
    );
  const given = i => large(scenes, i, null);
  const heads = el(
    "thead",
    {class: "hidden"},
    el(
      "tr",
      {},
      el("td"),
      scenes.tiles.map((_, i) => el("th", {scope: "col"}, `scene ${i + 1}`)),
    ),
  );
  const top = el(
    "tbody",
    {class: "given"},
    line(
      "bg",
      "without the object",
      scenes.tiles.map(tiles => tiles[0]),
      given,
    ),
    line(
      "fg_bg",
      "with the object",
      scenes.tiles.map(tiles => tiles[1]),
      given,
    ),
    line(
      "truth",
      state.shown,
      scenes.tiles.map(tiles => tiles[truth]),
      given,
    ),
  );
  const rest = el(
    "tbody",
    {},
    networks.map(network =>
      line(
        MODELS[DATA.accuracy[network.entry].model].name,
        [
          DATA.accuracy[network.entry].learned && `of ${DATA.accuracy[network.entry].learned}`,
          quantity && known(value(network)) && `${quantity.label} ${quantity.show(value(network))}`,
        ]
          .filter(Boolean)
          .join(", "),
        network.tiles.map(tiles => tiles[predicted]),
        i => large(scenes, i, network),
      ),
    ),
  );
  const room = ($("gallery-section").clientWidth - 190) / scenes.tiles.length - 8;
  $("gallery").style.setProperty("--tile", `${Math.round(Math.min(Math.max(room, 88), 168))}px`);
  $("gallery").replaceChildren(el("table", {class: "sheet"}, heads, top, rest));
}

const picture = (source, size, alt) =>
  el("img", {src: source, alt, width: size[1], height: size[0], class: size[0] < 160 ? "small" : ""});

// One scene: what was given, the truth, and what one network made of it.
function large(scenes, i, network) {
  const [bg, fgBg, mask, depth] = scenes.tiles[i];
  const name = network ? MODELS[DATA.accuracy[network.entry].model].name : `Scene ${i + 1}`;
  const pictures = [
    ["bg, without the object", bg],
    ["fg_bg, with the object", fgBg],
    ["true mask", mask],
    network && ["predicted mask", network.tiles[i][0]],
    ["true depth", depth],
    network && ["predicted depth", network.tiles[i][1]],
  ].filter(Boolean);
  const turn = step => {
    large(scenes, (i + step + scenes.tiles.length) % scenes.tiles.length, network);
    document.querySelector(`dialog [data-step="${step}"]`).focus(); // the buttons are new ones
  };
  openDialog(
    network ? `${name}, scene ${i + 1}` : name,
    el(
      "div",
      {class: "six"},
      pictures.map(([caption, source]) =>
        el("figure", {}, picture(source, scenes.size, caption), el("figcaption", {}, caption)),
      ),
    ),
    el(
      "p",
      {class: "controls"},
      el("button", {type: "button", class: "quiet", "data-step": -1, onclick: () => turn(-1)}, "‹ Scene before"),
      el("button", {type: "button", class: "quiet", "data-step": 1, onclick: () => turn(1)}, "Next scene ›"),
    ),
  );
}
