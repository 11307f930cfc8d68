// The page put together: what comes from the instrument goes into the model, what is chosen into the view, and
// everything that is drawn follows these two.

import { Alerts } from "./alerts.js";
import { OVER, canonical, showFigures, showProgress, showState, showSubject } from "./band.js";
import { oncePerFrame } from "./canvas.js";
import { ErrorChart } from "./chart.js";
import { Choices } from "./choices.js";
import { Control } from "./control.js";
import { LargeMap } from "./large.js";
import { login, logout } from "./login.js";
import { Model, askScan } from "./model.js";
import { Multiples } from "./multiples.js";
import { Painter } from "./painter.js";
import { offerPlanning } from "./planning.js";
import { Readout } from "./readout.js";
import { Spectrum } from "./spectrum.js";
import { Stream } from "./stream.js";
import { StretchPanel } from "./stretch.js";
import { View } from "./view.js";

const byId = (id) => document.getElementById(id);
const ZOOM = 1.5;
const SAID_LOST_AFTER = 2;

const model = new Model();
const view = new View();
const painter = new Painter(model, view, () => redraw());
const control = new Control();
const alerts = new Alerts();
const chart = new ErrorChart(model);
const spectrum = new Spectrum(model, view);
const choices = new Choices(model, view);
const readout = new Readout(model, view, painter);
const tellReadout = oncePerFrame(() => readout.show());
const stretch = new StretchPanel(model, view, painter);
const large = new LargeMap(model, view, painter, { pick, hover });
const multiples = new Multiples(model, view, painter, { choose, hover, seen: look });
const stream = new Stream({
  status: takeStatus,
  alert: (alert) => alerts.show([...(alerts.all ?? []), alert]),
  scan: () => loadScan().catch(() => {}),
  exposures: (exposures) => model.takeExposures(exposures),
  part: (part) => model.takePart(part),
  open: connected,
  lost,
  ended: loginAgain,
});

let lostTimes = 0;
let isFirst = true;
let restored = null;

function pick(cell) {
  if (cell) view.set({ pin: `${cell.row},${cell.column}`, spectrum: "point" });
}

function hover(cell) {
  view.cursor = cell;
  readout.show();
  redraw();
}

function choose(index) {
  const name = model.nameOf(index);
  view.set({ map: view.map === name ? "" : name });
}

/** Whether this is an instrument's own page before any scan: there is no recording that could be told of. */
function isIdle() {
  return Boolean(model.scan?.planning && !model.scan.grid);
}

/** Why what is shown may be old, in the manner of an alert. */
function troubles({ trouble }) {
  return trouble ? [{ kind: "trouble", sentence: `${trouble[0].toUpperCase()}${trouble.slice(1)}.` }] : [];
}

function redraw() {
  tellReadout();
  large.redraw();
  multiples.redraw();
}

/** Tell the server which maps are looked at, so that it sends no others. */
function look() {
  if (!model.scan?.grid) return;
  const wanted = new Set(multiples.visible);
  if (large.isChannels) large.channels.filter((index) => index >= 0).forEach((index) => wanted.add(index));
  else if (large.index >= 0) wanted.add(large.index);
  const elements = [...wanted].sort((a, b) => a - b);
  const stamp = `${elements} ${view.layer}`;
  if (stamp === look.last) return;
  look.last = stamp;
  stream.look(elements, [view.layer]);
}

function takeStatus(told) {
  const status = isIdle() ? { ...told, state: model.scan.state, trouble: "" } : told;
  model.status = status;
  model.takeRecorded(status.exposures?.recorded ?? 0);
  showState(status.state, status.exposures?.done);
  showProgress(status);
  showFigures(status);
  control.show(model.scan, status.state.name, status.link?.interruptions);
  alerts.show([...(status.alerts ?? []), ...troubles(status)]);
  large.redraw();
}

async function loadScan() {
  const scan = await askScan();
  const before = model.scan;
  if (scan.planning && !scan.grid) scan.state = { name: "idle", sentence: scan.state?.sentence };
  const hadElements = before?.elements?.length;
  model.takeScan(scan);
  showSubject(scan);
  byId("logout").hidden = !scan.login;
  if (scan.state) showState(scan.state, model.status?.exposures?.done);
  control.show(scan, scan.state?.name ?? "new", model.status?.link?.interruptions);
  if (!scan.grid) return;
  if (restored !== scan.scan_id) {
    restored = scan.scan_id;
    view.restore(scan.scan_id);
  }
  if (!before?.grid || before.scan_id !== scan.scan_id || hadElements !== scan.elements.length) {
    painter.forget();
    multiples.build();
  }
  choices.build();
  large.askPhoto();
  await model.askCells();
  followView(new Set(["map", "pin"]));
  chart.ask();
}

/** After every reconnection the page asks for what it missed. */
async function connected() {
  byId("connection").hidden = true;
  lostTimes = 0;
  if (isFirst) {
    isFirst = false;
    return;
  }
  try {
    await loadScan();
  } catch {
    // the stream breaks too, and comes back
  }
}

async function lost(seconds) {
  lostTimes += 1;
  if (lostTimes < SAID_LOST_AFTER) return;
  const place = byId("connection");
  const isOver = OVER.has(canonical(model.status?.state.name ?? ""));
  place.textContent = isOver
    ? "The scan has ended, and its page with it: this is how it stood at the end. pointillist monitor shows it again."
    : `No connection to the instrument; trying again every ${Math.max(1, Math.round(seconds))} s. ` +
      "The scan does not need this page; what is shown here is from before.";
  place.hidden = false;
  if (await needsLogin()) {
    stream.close();
    await loginAgain();
  }
}

async function loginAgain() {
  await login();
  location.reload();
}

async function needsLogin() {
  try {
    await askScan();
  } catch (refused) {
    return refused.status === 401;
  }
  return false;
}

function followView(names) {
  choices.show();
  if (names.has("map")) stretch.choose(large.index >= 0 ? large.index : Math.max(0, ...large.channels.slice(0, 1)));
  if (names.has("limits") || names.has("percent") || names.has("layer")) stretch.draw();
  if (names.has("pin")) spectrum.pinChanged();
  if (names.has("scale") || names.has("spectrum") || names.has("map")) spectrum.redraw();
  readout.show();
  look();
  redraw();
}

model.addEventListener("cells", redraw);
model.addEventListener("map", redraw);
view.addEventListener("change", (event) => followView(event.detail));
matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => {
  redraw();
  spectrum.redraw();
  chart.redraw();
});
for (const [id, times] of [["zoom-in", ZOOM], ["zoom-out", 1 / ZOOM]]) {
  byId(id).addEventListener("click", () => model.scan?.grid && view.setPlace(large.lens().zoomedBy(times)));
}
byId("zoom-fit").addEventListener("click", () => view.setPlace(null));
byId("keys-button").addEventListener("click", () => byId("keys").showModal());
byId("logout").addEventListener("click", () => {
  stream.close();
  logout();
});

async function start() {
  for (;;) {
    try {
      await loadScan();
      break;
    } catch (refused) {
      if (refused.status === 401) {
        await login();
      } else {
        await lost(2);
        await new Promise((resolve) => setTimeout(resolve, 2000));
      }
    }
  }
  stream.open();
  const { planning, role, grid } = model.scan;
  if (planning) offerPlanning({ isFirst: !grid, isOperator: role === "operator" });
}

start();
