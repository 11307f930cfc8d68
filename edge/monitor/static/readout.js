// What lies below the pointer, in words: where, what was found there, and whether it was measured.

import { short } from "./words.js";

export class Readout {
  constructor(model, view) {
    Object.assign(this, { model, view });
    this.place = document.getElementById("readout");
    this.note = document.getElementById("multiples-note");
  }

  show() {
    const { model, view } = this;
    if (!model.scan?.grid) return;
    this.note.textContent = `${model.scan.unit}${view.layer === "error" ? ", standard error" : ""}`;
    const cell = view.cursor ?? view.pinned;
    if (!cell) {
      this.place.textContent = "";
      return;
    }
    const { x_mm, y_mm } = model.stageOf(cell);
    const at = cell.row * model.columns + cell.column;
    const words = [`x ${x_mm.toFixed(1)}, y ${y_mm.toFixed(1)} mm`];
    for (const name of view.map === "rgb" ? view.rgb.split(",") : [view.map]) {
      const index = model.indexOf(name);
      if (index >= 0) words.push(`${model.wordsOf(index)} ${short(model.map(index, view.layer).values[at])} ${model.scan.unit}`);
    }
    words.push(model.measured[at] ? "measured" : "inferred");
    this.place.textContent = words.join(" · ");
  }
}
