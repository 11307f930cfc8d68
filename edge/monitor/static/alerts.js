// What the scientist should know even when looking elsewhere; each stays until it is put away or over.

import { clock } from "./words.js";

const TOLD_BY_THE_BAND = new Set(["finished", "stopped", "paused", "interrupted"]);

export class Alerts {
  constructor() {
    this.place = document.getElementById("alerts");
    this.away = new Set();
    this.shown = "";
  }

  /** All that stand, newest last. */
  show(alerts = []) {
    const kept = alerts.filter((alert) => !TOLD_BY_THE_BAND.has(alert.kind) && !this.away.has(keyOf(alert)));
    const stamp = kept.map(keyOf).join("\n");
    if (stamp === this.shown) return;
    this.shown = stamp;
    this.all = alerts;
    this.place.replaceChildren(...kept.slice(-4).map((alert) => this.row(alert)));
  }

  row(alert) {
    const row = document.createElement("div");
    row.className = `alert ${levelOf(alert)}`;
    const when = document.createElement("time");
    if (alert.at) {
      when.dateTime = alert.at;
      when.textContent = clock(new Date(alert.at));
    }
    const words = document.createElement("p");
    words.textContent = alert.sentence;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "plain";
    button.textContent = "Put away";
    button.addEventListener("click", () => {
      this.away.add(keyOf(alert));
      this.show(this.all);
    });
    row.append(when, words, button);
    return row;
  }
}

const keyOf = (alert) => `${alert.at ?? ""} ${alert.kind ?? ""} ${alert.sentence}`;

function levelOf({ level, kind }) {
  if (level === "fault" || kind === "faulted") return "fault";
  return level === "note" || kind === "link-regained" ? "note" : "warning";
}
