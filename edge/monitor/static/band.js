// The band at the top: state, progress and time left, large enough to be read from behind the safety line.

import { clock, duration, percent, short, size, whole } from "./words.js";

/** What a state is called, and which colour and shape its lamp has. */
const STATES = {
  idle: ["No scan", "unknown"],
  new: ["Starting", "unknown"],
  preparing: ["Preparing", "unknown"],
  planning: ["Planning", "unknown"],
  ready: ["Ready", "unknown"],
  awaiting: ["To be armed", "waiting"],
  scanning: ["Measuring", "measuring"],
  paused: ["Paused", "paused"],
  interrupted: ["Stopped", "fault"],
  faulted: ["Fault", "fault"],
  failed: ["Fault", "fault"],
  finished: ["Finished", "finished"],
  aborted: ["Stopped", "fault"],
};
/** What is said where the instrument says no more than which state it is in. */
const PLAIN = {
  new: "the scan is beginning; the beam is off",
  preparing: "the stage finds its home and the object is photographed; the beam is off",
  planning: "it is being worked out where to measure; the beam is off",
  ready: "all is ready to measure; the beam is off",
  scanning: "the beam is on, and goes over the object from place to place",
  finished: "the beam is off; maps and report are in the recording",
  aborted: "stopped before its end; what was measured is kept",
};
/** Of these the instrument never says more. */
const SILENT = new Set(["preparing", "planning", "ready", "scanning"]);
/** Said besides. */
const ALSO = { paused: "The beam is off, and what was measured is kept." };
/** A shutter that closes in the middle of a scan, which goes on by itself. */
const BETWEEN = ["Beam off", "the shutter is closed for a moment; the scan goes on by itself"];
const ALIASES = { "awaiting-arm": "awaiting", "waiting-to-be-armed": "awaiting", waiting: "awaiting", armed: "ready" };
export const OVER = new Set(["finished", "aborted"]);

export const canonical = (name) => ALIASES[name] ?? name;

const SILENT_S = 10;

const byId = (id) => document.getElementById(id);

function put(id, text) {
  const place = byId(id);
  if (place.textContent !== text) place.textContent = text;
}

export function showSubject(scan) {
  const parts = [scan.title, scan.object?.identifier, scan.operator && `operator ${scan.operator}`];
  put("subject", [...new Set(parts.filter(Boolean))].join(" · "));
  put("whoami", scan.role === "visitor" ? "You look on as a visitor" : "");
}

export function showState(state, done = 0) {
  const name = canonical(state.name);
  const [words, kind] = STATES[name] ?? [state.name, "unknown"];
  const isBetween = name === "ready" && done > 0;
  const tellsNoMore = !state.sentence || state.sentence === state.name || SILENT.has(name);
  const said = isBetween ? BETWEEN[1] : tellsNoMore ? (PLAIN[name] ?? "") : state.sentence;
  byId("band").dataset.state = kind;
  put("state", isBetween ? BETWEEN[0] : words);
  put("sentence", [sentenceOf(said), ALSO[name]].filter(Boolean).join(" "));
}

function sentenceOf(text = "") {
  return text && text[0].toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? "" : ".");
}

export function showProgress(status) {
  const { done = 0, planned } = status.exposures ?? {};
  const isOver = OVER.has(canonical(status.state.name));
  const part = planned ? Math.min(1, done / planned) : 0;
  const progress = byId("progress");
  progress.value = part;
  byId("percent").parentElement.hidden = byId("left").parentElement.hidden = !planned;
  put("percent", planned ? `${Math.floor(100 * part)} %` : "–");
  put("count", planned ? `${whole(done)} of ${whole(planned)} exposures` : "no plan yet");
  const isRunning = canonical(status.state.name) === "scanning";
  const left = Number.isFinite(status.left_s) && !isOver ? status.left_s : NaN;
  put("left", isOver ? "done" : duration(left));
  if (isOver) put("ends", "nothing is measured any more");
  else if (!Number.isFinite(left)) put("ends", "time left");
  else put("ends", isRunning ? `left, until ${clock(new Date(Date.now() + 1000 * left))}` : "left once it goes on");
  const title = planned ? `${Math.floor(100 * part)} % ${byId("state").textContent}` : byId("state").textContent;
  document.title = `${title} – Pointillist`;
}

/** Figures for those who stand near: name, value, smaller words, and whether something is wrong. */
export function showFigures(status) {
  const { error, registration, disk } = status;
  const rows = [
    ["Speed", status.running && Number.isFinite(status.rate) ? `${short(status.rate)} /s` : "–", "exposures"],
    ["Dose", duration(status.dose_s), "live time on the object"],
    ["Error of the maps", errorWords(error), error ? `± ${percent(error.se)}` : "not known yet"],
    ["Photograph", registrationWords(registration), "residual of its place"],
    linkRow(status),
    ["Disk", size(disk?.free_bytes), disk?.needed_bytes ? `free, ${size(disk.needed_bytes)} needed` : "free", disk?.low],
  ];
  const list = byId("figures");
  if (list.children.length !== rows.length) {
    list.replaceChildren(...rows.map(([name]) => figure(name)));
  }
  rows.forEach(([, value, small, isBad], k) => {
    const place = list.children[k].lastChild;
    place.classList.toggle("bad", Boolean(isBad));
    if (place.firstChild.textContent !== value) place.firstChild.textContent = value;
    if (place.lastChild.textContent !== small) place.lastChild.textContent = small;
  });
}

function figure(name) {
  const group = document.createElement("div");
  const [term, value, small] = ["dt", "dd", "small"].map((kind) => document.createElement(kind));
  term.textContent = name;
  value.append(document.createTextNode(""), " ", small);
  group.append(term, value);
  return group;
}

const errorWords = (error) => (error && Number.isFinite(error.value) ? percent(error.value) : "–");

function registrationWords(registration) {
  const residual = registration?.residual_mm;
  return Number.isFinite(residual) ? `${residual < 0.1 ? Math.round(residual * 1000) + " µm" : short(residual) + " mm"}` : "–";
}

/** A link of a running scan is as good as the last exposure is recent. */
function linkRow({ link, state, running }) {
  if (!link) return ["Scanner", "–", ""];
  if (!running) return ["Scanner", "–", "not in use"];
  const isSilent = canonical(state.name) === "scanning" && link.silent_s > SILENT_S;
  const dead = Number.isFinite(link.dead_share) ? `${short(100 * link.dead_share)} % dead time` : "";
  return ["Scanner", isSilent ? `silent for ${duration(link.silent_s)}` : "answers", dead, isSilent];
}
