// What lies below the pointer, in words: where, what was found there, and whether it was measured.

import { AVERAGED, HELD, MEASURED } from "./model.js";
import { short } from "./words.js";

const UNITS = { "counts/s": "counts per second" };
/** How a cell's value is known. */
const KNOWN = {
  [MEASURED]: "measured",
  [AVERAGED]: "inferred; only a mean over this cell and others was measured",
  [HELD]: "inferred; measured too, but kept back to check the maps",
};

export class Readout {
  constructor(model, view, painter) {
    Object.assign(this, { model, view, painter });
    this.place = document.getElementById("readout");
    this.note = document.getElementById("multiples-note");
  }

  show() {
    const { model, view } = this;
    if (!model.scan?.grid) return;
    const unit = `${view.layer === "error" ? "standard error in " : ""}${UNITS[model.scan.unit] ?? model.scan.unit}`;
    this.note.textContent = model.elements.length ? `${unit}; click one to lay it over the photograph` : "";
    const cell = view.cursor ?? view.pinned;
    if (!cell) {
      this.place.textContent = "";
      return;
    }
    const { x_mm, y_mm } = model.stageOf(cell);
    const at = cell.row * model.columns + cell.column;
    const near = this.painter.near();
    const isNear = !near || near[at];
    const words = [`x ${x_mm.toFixed(1)}, y ${y_mm.toFixed(1)} mm`];
    for (const name of view.map === "rgb" ? view.rgb.split(",") : [view.map]) {
      const index = model.indexOf(name);
      if (index >= 0 && isNear) words.push(`${model.wordsOf(index)} ${short(model.map(index, view.layer).values[at])} ${model.scan.unit}`);
    }
    words.push(isNear ? (KNOWN[model.states[at]] ?? "inferred") : "the beam has not been near yet");
    this.place.textContent = words.join(" · ");
  }
}
