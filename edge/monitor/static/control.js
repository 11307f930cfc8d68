// Pause, resume, finish and stop. The server decides whether they are done; here is only asked, and what ends a scan
// is asked twice.

import { post } from "./api.js";
import { OVER, canonical } from "./band.js";

const byId = (id) => document.getElementById(id);
const TOAST_MS = 6000;
/** What the button means may change below a finger that is on its way to it, as another operator pauses or resumes. */
const DEAF_MS = 800;

const QUESTIONS = {
  stop: {
    title: "Stop the scan?",
    words: "The shutter closes. What was measured is kept, and the scan can be resumed later on the instrument.",
    yes: "Stop",
  },
  finish: {
    title: "Finish with what is measured?",
    words: "The shutter closes, and maps and report are made of the exposures so far. The scan cannot be resumed then.",
    yes: "Finish",
  },
};

export class Control {
  constructor() {
    this.state = "new";
    this.isGone = false;
    byId("pause").addEventListener("click", () => this.pauseOrResume());
    for (const what of ["stop", "finish"]) byId(what).addEventListener("click", () => this.askFirst(what));
    document.addEventListener("keydown", (event) => this.key(event));
  }

  /** A scan that is no longer running can be taken up on the instrument's own page, where it waits to be armed. */
  show(scan, stateName, pauses) {
    this.state = canonical(stateName);
    this.pauses = pauses;
    this.scanId = scan?.scan_id ?? "";
    this.isGone = ["interrupted", "failed"].includes(this.state) || (this.state === "aborted" && Boolean(scan?.planning));
    const isOver = OVER.has(this.state) || this.isGone;
    const canTakeUp = this.isGone && Boolean(scan?.planning);
    byId("controls").hidden = scan?.role !== "operator" || !scan.grid || (isOver && !canTakeUp);
    const canGoOn = this.state === "paused" || canTakeUp;
    const words = canGoOn ? "Resume" : "Pause";
    if (words !== byId("pause").textContent) this.changedAt = performance.now();
    byId("pause").textContent = words;
    byId("pause").disabled = !canGoOn && this.state !== "scanning";
    byId("finish").hidden = byId("stop").hidden = this.isGone;
    byId("finish").disabled = !["scanning", "paused", "waiting"].includes(this.state);
  }

  pauseOrResume() {
    if (performance.now() - this.changedAt < DEAF_MS) {
      return toast("The scan has changed just now: look at what it does, then press again.", true);
    }
    if (this.isGone) return this.send({ scan_id: this.scanId }, "api/planning/resume");
    return this.send(this.state === "paused" ? { do: "resume", pauses: this.pauses } : { do: "pause" });
  }

  async askFirst(what) {
    const dialog = byId("confirm");
    if (dialog.open) return;
    const { title, words, yes } = QUESTIONS[what];
    byId("confirm-title").textContent = title;
    byId("confirm-words").textContent = words;
    byId("confirm-yes").textContent = yes;
    byId("confirm-no").textContent = this.state === "paused" ? "Leave it paused" : "Go on scanning";
    dialog.returnValue = "no";
    dialog.onclose = () => dialog.returnValue === "yes" && this.send({ do: what });
    dialog.showModal();
  }

  async send(what, path = "api/control") {
    try {
      const reply = await post(path, what);
      toast(reply.sentence, !reply.ok);
    } catch (refused) {
      toast(refused.message, true);
    }
  }

  /** Letters act only where nobody types, and not at all for who switched them off. */
  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || !byId("letters").checked) return;
    if (byId("controls").hidden || event.target.closest("input, select, textarea, dialog")) return;
    const letter = event.key.toLowerCase();
    if (letter === "p" && !byId("pause").disabled) this.pauseOrResume();
    else if (letter === "s" && !byId("stop").hidden) this.askFirst("stop");
  }
}

let timer = null;

export function toast(sentence, isBad = false) {
  const place = byId("toast");
  if (!sentence) return;
  place.textContent = `${sentence[0].toUpperCase()}${sentence.slice(1)}${/[.!?…]$/.test(sentence) ? "" : "."}`;
  place.classList.toggle("bad", isBad);
  place.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(() => (place.hidden = true), TOAST_MS);
}
