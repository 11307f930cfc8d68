// A plan made on the page: where, where not, and what it may take; then what that gives, and the start. Started from
// here a scan waits to be armed at the instrument.

import { json, post } from "./api.js";
import { toast } from "./control.js";
import { Drawing } from "./drawing.js";
import { fromText, rectangle, surface, toText } from "./shapes.js";
import { duration, percent, short, whole } from "./words.js";

const byId = (id) => document.getElementById(id);
const LOOK_MS = 700;
const PHOTO_MS = 4000;
/** Of each budget: its label, and how often the server's unit goes into what is typed. */
const BUDGETS = { time_s: ["Minutes", 60], rate: ["Per cent", 0.01], error: ["Per cent", 0.01] };

class Planning {
  constructor(onStart) {
    this.onStart = onStart;
    this.area = null;
    this.keepOuts = [];
    this.isKeepOut = false;
    this.isLasso = false;
    this.job = null;
    this.drawing = new Drawing({
      shapes: () => ({ area: this.area, keepOuts: this.keepOuts }),
      drawn: (corners) => this.add(corners),
      hover: (place) => this.tellPlace(place),
      isLasso: () => this.isLasso,
    });
    this.wire();
  }

  wire() {
    const either = (one, other, set) => {
      for (const [id, is] of [[one, false], [other, true]]) {
        byId(id).addEventListener("click", () => {
          set(is);
          byId(one).setAttribute("aria-pressed", String(!is));
          byId(other).setAttribute("aria-pressed", String(is));
        });
      }
    };
    either("draw-area", "draw-keep-out", (is) => (this.isKeepOut = is));
    either("draw-rectangle", "draw-lasso", (is) => (this.isLasso = is));
    byId("add-keep-out").addEventListener("click", () => this.typeKeepOut());
    byId("planning-picture").addEventListener("change", () => this.showPicture());
    byId("budget-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.price();
    });
    for (const radio of document.getElementsByName("budget")) {
      radio.addEventListener("change", () => this.tellBudget(radio.value));
    }
    byId("cancel-job").addEventListener("click", () => this.cancel());
    byId("start").addEventListener("click", () => this.start());
  }

  /** What the configuration says; asked for again until there is a photograph. */
  async load() {
    const said = await json("api/planning");
    this.drawing.frame = said.frame ?? null;
    if (!this.isTouched) {
      this.area = said.area ?? null;
      this.keepOuts = said.keep_outs ?? [];
      this.setBudget(said.budget ?? {});
      this.list();
    }
    byId("planning-empty").hidden = Boolean(said.photo);
    if (said.trouble || (said.photo && said.sentence)) this.say(said.trouble || `Photograph: ${said.sentence}.`, Boolean(said.trouble));
    if (said.photo) await this.drawing.show("photo", said.photo.url, said.frame);
    else {
      byId("planning-empty").textContent = said.sentence || "Waiting for a photograph";
      setTimeout(() => this.load().catch(() => {}), PHOTO_MS);
    }
  }

  setBudget(budget) {
    const kind = Object.keys(BUDGETS).find((name) => Number.isFinite(budget[name]));
    if (!kind) return;
    document.querySelector(`[name=budget][value=${kind}]`).checked = true;
    byId("budget").value = String(+(budget[kind] / BUDGETS[kind][1]).toPrecision(4));
    this.tellBudget(kind);
  }

  tellBudget(kind) {
    byId("budget-words").textContent = BUDGETS[kind][0];
  }

  tellPlace(place) {
    byId("planning-readout").textContent = place ? `x ${place[0].toFixed(1)}, y ${place[1].toFixed(1)} mm` : "";
  }

  add(corners) {
    if (this.isKeepOut) this.changed({ keepOuts: [...this.keepOuts, corners] });
    else this.changed({ area: corners });
  }

  changed(changes) {
    Object.assign(this, changes);
    this.isTouched = true;
    this.forgetPlan();
    this.list();
    this.drawing.redraw();
  }

  typeKeepOut() {
    const { origin_mm: [x, y], size_mm: [width, height] } = this.drawing.frame ?? { origin_mm: [0, 0], size_mm: [20, 20] };
    const [middleX, middleY] = [x + width / 2, y + height / 2];
    this.changed({ keepOuts: [...this.keepOuts, rectangle([middleX - 5, middleY - 5], [middleX + 5, middleY + 5])] });
    byId("shapes").lastElementChild.querySelector("input").focus();
  }

  list() {
    const rows = this.keepOuts.map((corners, k) => this.row(`Keep-out ${k + 1}`, corners, (found) => {
      this.changed({ keepOuts: this.keepOuts.map((one, i) => (i === k ? found : one)).filter(Boolean) });
    }));
    const area = this.area
      ? this.row("Area", this.area, (found) => this.changed({ area: found }))
      : Object.assign(document.createElement("li"), { textContent: "Area: all of it, as configured" });
    byId("shapes").replaceChildren(area, ...rows);
    this.noteArea();
  }

  /** What is drawn is measured, and what the maps cover stays as configured. */
  noteArea() {
    const { frame } = this.drawing;
    byId("area-note").hidden = !this.area || !frame;
    if (!this.area || !frame) return;
    const [wide, high] = frame.size_mm.map(short);
    byId("area-note").textContent =
      `Only the drawn area is measured, and part of the cells means part of those in it. ` +
      `The maps still cover the configured ${wide} x ${high} mm, and are empty outside it.`;
  }

  /** One shape: its corners to be typed, and a way to remove it. */
  row(name, corners, put) {
    const row = document.createElement("li");
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "text", value: toText(corners) });
    const size = Object.assign(document.createElement("span"), { textContent: `${short(surface(corners) / 100)} cm²` });
    const remove = Object.assign(document.createElement("button"), { type: "button", textContent: "Remove" });
    label.append(name, " ");
    input.setAttribute("aria-label", `Corners of ${name.toLowerCase()}`);
    remove.setAttribute("aria-label", `Remove ${name.toLowerCase()}`);
    input.addEventListener("change", () => {
      const found = fromText(input.value);
      input.setAttribute("aria-invalid", String(!found));
      if (found) put(found);
      else this.say(`${name}: give at least three corners, each x and y in mm, separated by commas.`, true);
    });
    remove.addEventListener("click", () => put(null));
    row.append(label, input, size, remove);
    return row;
  }

  say(sentence, isBad = false) {
    byId("planning-words").textContent = sentence;
    byId("planning-words").classList.toggle("bad", isBad);
  }

  forgetPlan() {
    this.plan = null;
    byId("planned").hidden = true;
    byId("planning-picture").disabled = true;
    byId("planning-picture").value = "";
    this.drawing.show("picture", "");
  }

  async price() {
    const kind = document.querySelector("[name=budget]:checked").value;
    const budget = { [kind]: Number(byId("budget").value) * BUDGETS[kind][1] };
    this.forgetPlan();
    this.say("Working it out …");
    try {
      const { job } = await post("api/planning/price", { area: this.area, keep_outs: this.keepOuts, budget });
      this.job = job;
      byId("cancel-job").hidden = false;
      await this.follow(job);
    } catch (refused) {
      this.say(refused.message, true);
    }
    byId("cancel-job").hidden = true;
  }

  /** Look at a job until it is over, or another one has taken its place. */
  async follow(job) {
    while (this.job === job) {
      const found = await json(`api/planning/job/${encodeURIComponent(job)}`);
      if (this.job !== job) return;
      if (found.state === "done") return this.showPlan(found);
      if (found.state !== "running" && found.state !== "waiting") return this.say(found.sentence || `The plan was ${found.state}.`, true);
      this.say(found.sentence || "Working it out …");
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  async cancel() {
    const job = this.job;
    this.job = null;
    this.say("Cancelled.");
    await post("api/planning/cancel", { job }).catch((refused) => this.say(refused.message, true));
  }

  showPlan(found) {
    this.plan = found;
    this.say("Worked out.");
    const lines = found.figures ?? [found.sentence ?? ""];
    byId("planned-lines").textContent = lines.map((line) => `${line[0].toUpperCase()}${line.slice(1)}.`).join("\n");
    byId("planned").hidden = false;
    byId("alternatives").replaceChildren(...(found.alternatives ?? []).map(alternative));
    const { exposures, seconds, rate, dose_s: dose } = found.plan;
    const figures = [
      ["Exposures", whole(exposures)],
      ["Takes about", duration(seconds)],
      ["Cells measured", Number.isFinite(rate) ? percent(rate) : "–"],
      ["Live time", duration(dose)],
    ];
    byId("planned-figures").replaceChildren(...figures.map(([name, value]) => figure(name, value)));
    byId("planned-more").textContent = found.more ? `Pictures show the first part of it. ${found.more}.` : "";
    byId("planning-picture").disabled = false;
    for (const option of byId("planning-picture").options) option.hidden = Boolean(option.value) && !found[option.value];
    byId("planning-picture").value = found.mask_url ? "mask_url" : "";
    this.showPicture();
  }

  showPicture() {
    const url = this.plan?.[byId("planning-picture").value] ?? "";
    this.drawing.show("picture", url, this.plan?.frame).catch((refused) => this.say(refused.message, true));
  }

  async start() {
    byId("start").disabled = true;
    try {
      const { sentence } = await post("api/planning/start", { job: this.job });
      toast(sentence);
      this.onStart();
    } catch (refused) {
      this.say(refused.message, true);
    }
    byId("start").disabled = false;
  }
}

function alternative({ mode, words, seconds, error, chosen }) {
  const row = document.createElement("tr");
  if (chosen) row.className = "chosen";
  const cells = [
    [`${words || mode}${chosen ? " (chosen)" : ""}`, ""],
    [duration(seconds), "number"],
    [Number.isFinite(error) ? percent(error) : "–", "number"],
  ];
  for (const [text, className] of cells) {
    row.append(Object.assign(document.createElement("td"), { textContent: text, className }));
  }
  return row;
}

function figure(name, value) {
  const group = document.createElement("div");
  group.append(
    Object.assign(document.createElement("dt"), { textContent: name }),
    Object.assign(document.createElement("dd"), { textContent: value }),
  );
  return group;
}

/** Show the planning view beside the scan's; first it is what is seen where no scan is there yet. */
export async function offerPlanning({ isFirst, isOperator }) {
  if (!isOperator) return;
  const show = (isPlanning) => {
    byId("live").hidden = isPlanning;
    byId("planning").hidden = !isPlanning;
    byId("show-live").setAttribute("aria-pressed", String(!isPlanning));
    byId("show-planning").setAttribute("aria-pressed", String(isPlanning));
  };
  const planning = new Planning(() => show(false));
  byId("views").hidden = false;
  byId("show-live").addEventListener("click", () => show(false));
  byId("show-planning").addEventListener("click", () => show(true));
  if (isFirst) show(true);
  await planning.load().catch((refused) => planning.say(refused.message, true));
}
