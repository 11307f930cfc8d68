// A plan made on the page: where, where not, and what it may take; then what that gives, and the start. Started from
// here a scan waits to be armed at the instrument.

import { json, post } from "./api.js";
import { toast } from "./control.js";
import { Drawing } from "./drawing.js";
import { alternative, figure, photographWords } from "./planned.js";
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
    byId("look-again").addEventListener("click", () => this.lookAgain());
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
    byId("look-again").disabled = !said.photo;
    if (said.trouble || (said.photo && said.sentence)) this.say(said.trouble || photographWords(said), Boolean(said.trouble));
    if (said.photo) await this.drawing.show("photo", said.photo.url, said.frame);
    else {
      byId("planning-empty").textContent = said.sentence || "Waiting for a photograph";
      this.loadLater();
    }
  }

  loadLater() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load().catch(() => this.loadLater()), PHOTO_MS);
  }

  /** What lies on the table may be another object by now. */
  async lookAgain() {
    this.forgetPlan();
    try {
      this.say((await post("api/planning/look", {})).sentence);
      await this.loadAnew();
    } catch (refused) {
      this.say(refused.message, true);
    }
  }

  async loadAnew() {
    await this.drawing.show("photo", "");
    byId("planning-empty").hidden = false;
    await this.load();
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
    const wasWorking = Boolean(this.asked && !this.plan);
    this.forgetPlan();
    if (wasWorking) this.say("Area or keep-outs have changed: work out the plan again.");
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

  /** What was drawn or looked at before is no plan of what is there now, even if it is still worked out. */
  forgetPlan() {
    if (this.job && !this.plan) post("api/planning/cancel", { job: this.job }).catch(() => {});
    this.job = this.plan = this.asked = null;
    byId("cancel-job").hidden = true;
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
    const asked = (this.asked = { area: this.area, keep_outs: this.keepOuts, budget });
    try {
      const { job } = await post("api/planning/price", asked);
      // something else was drawn meanwhile
      if (this.asked !== asked) return post("api/planning/cancel", { job }).catch(() => {});
      this.job = job;
      byId("cancel-job").hidden = false;
      await this.follow(job);
    } catch (refused) {
      if (this.asked === asked) this.say(refused.message, true);
    }
    if (this.asked === asked) byId("cancel-job").hidden = true;
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

  cancel() {
    this.forgetPlan();
    this.say("Cancelled.");
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
      // the next one is planned on a photograph of its own
      this.forgetPlan();
      this.loadAnew().catch(() => this.loadLater());
    } catch (refused) {
      this.say(refused.message, true);
    }
    byId("start").disabled = false;
  }
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
