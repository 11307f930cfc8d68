// What is said of the photograph that is planned on, and of a plan: rows and figures.

import { clock, duration, percent } from "./words.js";

export function photographWords({ photo, sentence }) {
  const when = photo.taken_at ? ` of ${clock(new Date(photo.taken_at))}` : "";
  return `Photograph${when}: ${sentence}.`;
}

export function alternative({ mode, words, seconds, error, chosen }) {
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

export function figure(name, value) {
  const group = document.createElement("div");
  group.append(
    Object.assign(document.createElement("dt"), { textContent: name }),
    Object.assign(document.createElement("dd"), { textContent: value }),
  );
  return group;
}
