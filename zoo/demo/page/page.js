"use strict";
const at = id => document.getElementById(id);
const chosen = { plate: null, photo: null };
const NAMES = { mask: "mask", cutout: "cut-out", depth_preview: "depth: near is yellow, far is dark blue" };
let camera = null, cameraFor = "photo", busy = false;

function say(text, isError = false) {
  at("status").textContent = text;
  at("status").className = isError ? "error" : "";
}

function choose(which, blob) {
  if (!blob) return;
  chosen[which] = blob;
  const img = at(which).querySelector("img");
  if (img.src) URL.revokeObjectURL(img.src);
  img.src = URL.createObjectURL(blob);
  img.alt = which === "plate" ? "the plate" : "the photo";
  img.hidden = false;
  ready();
}

const ready = () => { at("find").disabled = busy || !chosen.photo; };

for (const which of ["plate", "photo"]) {
  const box = at(which);
  box.querySelector("input").addEventListener("change", event => choose(which, event.target.files[0]));
  box.addEventListener("dragover", event => { event.preventDefault(); box.classList.add("over"); });
  box.addEventListener("dragleave", () => box.classList.remove("over"));
  box.addEventListener("drop", event => {
    event.preventDefault();
    box.classList.remove("over");
    choose(which, event.dataTransfer.files[0]);
  });
  box.querySelector(".camera").addEventListener("click", () => openCamera(which));
}

async function openCamera(which) {
  cameraFor = which;
  try {
    camera ||= await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: 1280 } });
  } catch (error) {
    return say(`No camera: ${error.message}`, true);
  }
  at("live").querySelector("video").srcObject = camera;
  at("live").hidden = false;
  at("take").textContent = `Take the ${which}`;
  at("take").focus();
}

at("close").addEventListener("click", () => {
  for (const track of camera?.getTracks() ?? []) track.stop();
  camera = null;
  at("live").hidden = true;
});

at("take").addEventListener("click", () => {
  const video = at("live").querySelector("video"), canvas = document.createElement("canvas");
  if (!video.videoWidth) return say("The camera is not ready yet.", true);
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  canvas.toBlob(blob => choose(cameraFor, blob), "image/jpeg", 0.95);
});

async function waitFor(answer) {
  const timer = setInterval(async () => {
    const { waiting } = await (await fetch("networks")).json();
    if (waiting > 1) say(`Waiting: ${waiting - 1} before or beside this one…`);
  }, 1000);
  try { return await answer; } finally { clearInterval(timer); }
}

function show(found) {
  const article = document.createElement("article"), head = document.createElement("h2");
  head.textContent = `${found.network}: ${found.seconds} s at ${found.size[1]} x ${found.size[0]}`;
  article.append(head);
  for (const [kind, data] of Object.entries(found.pictures)) {
    const figure = document.createElement("figure"), img = document.createElement("img"), text = document.createElement("figcaption");
    figure.className = kind;
    img.src = `data:image/png;base64,${data}`;
    img.alt = text.textContent = NAMES[kind];
    figure.append(text, img);
    article.append(figure);
  }
  at("results").append(article);
}

at("find").addEventListener("click", async () => {
  const names = [...at("networks").querySelectorAll("input:checked")].map(box => box.value);
  if (!names.length) return say("Choose a network first.", true);
  busy = true;
  ready();
  at("results").replaceChildren();
  const failed = [];
  for (const name of names) {
    say(`${name} is computing…`);
    try {
      const plate = chosen.plate ?? new Blob([]);
      const sent = fetch(`predict?network=${encodeURIComponent(name)}`, {
        method: "POST", headers: { "X-Plate-Bytes": plate.size }, body: new Blob([plate, chosen.photo]),
      });
      const response = await waitFor(sent), found = await response.json();
      if (response.ok) show(found); else failed.push(`${name}: ${found.error}`);
    } catch (error) {
      failed.push(`${name}: the program behind this page did not answer`);
    }
  }
  busy = false;
  ready();
  say(failed.join("\n") || "Done.", failed.length > 0);
});

(async () => {
  const { networks } = await (await fetch("networks")).json();
  networks.forEach((name, number) => {
    const label = document.createElement("label"), box = document.createElement("input");
    box.type = "checkbox";
    box.value = name;
    box.checked = number === 0;
    label.append(box, ` ${name}`);
    at("networks").append(label);
  });
})();
