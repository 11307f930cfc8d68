// Maps as pictures of one pixel for each cell, painted again only when the map or how it is shown has changed.

import { pixelsOf } from "./colours.js";
import { AVERAGED, areMadeOf, HELD, MEASURED } from "./model.js";
import { addNear, nearCells, nearOnes } from "./reach.js";
import { limitsOf } from "./stretch.js";

const TRANSPARENT = 0;
const pixelOf = (...bytes) => new Uint32Array(new Uint8Array(bytes).buffer)[0];
const LIMITS_MS = 700;

export class Painter {
  /** `redraw` has the maps drawn again: limits are looked for now and then only. */
  constructor(model, view, redraw) {
    this.model = model;
    this.view = view;
    this.redraw = redraw;
    this.pictures = new Map();
    this.limits = new Map();
    /** Another number: cells that were far are near now. */
    this.nearStamp = 0;
    this.nearOf = null;
  }

  later() {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.redraw();
    }, LIMITS_MS);
  }

  forget() {
    this.pictures.clear();
    this.limits.clear();
  }

  /** Values at the ends of the colour bar. */
  limitsFor(index, layer) {
    const key = `${index}/${layer}`;
    const chosen = this.view.limits.get(`${this.model.nameOf(index)}/${layer}`);
    const map = this.model.map(index, layer);
    const kept = this.limits.get(key);
    if (chosen) return chosen;
    if (kept && kept.version === map.version && kept.percent === this.view.percent) return kept.limits;
    const now = performance.now();
    if (kept && kept.percent === this.view.percent && now - kept.at < LIMITS_MS) {
      this.later();
      return kept.limits;
    }
    const limits = limitsOf(map.values, this.view.percent);
    if (!limits) return [0, 1];
    const stays = kept && kept.percent === this.view.percent && isNear(kept.limits, limits);
    this.limits.set(key, { version: map.version, percent: this.view.percent, at: now, limits: stays ? kept.limits : limits });
    return this.limits.get(key).limits;
  }

  /** Picture of one element. */
  element(index, layer) {
    const map = this.model.map(index, layer);
    const [low, high] = this.limitsFor(index, layer);
    const { colours, inferred } = this.view;
    const cells = inferred === "faded" || inferred === "hidden" ? this.model.measuredCount : 0;
    const near = this.near();
    const stamp = [map.version, low, high, colours, inferred, cells, near && this.nearStamp].join();
    return this.painted(`${index}/${layer}`, stamp, (pixels) => {
      const shown = pixelsOf(colours);
      const unmeasured = inferred === "faded" ? pixelsOf(colours, true) : inferred === "hidden" ? null : shown;
      const steps = 255 / (high - low || 1);
      const { states } = this.model;
      const { values } = map;
      for (let i = 0; i < values.length; i++) {
        const table = states[i] === MEASURED ? shown : unmeasured;
        const value = values[i];
        const level = (value - low) * steps;
        pixels[i] = value !== value || !table || (near && !near[i]) ? TRANSPARENT : table[level < 0 ? 0 : level > 255 ? 255 : level | 0];
      }
    });
  }

  /** Three elements as red, green and blue; an index of -1 leaves its colour dark. */
  channels(indices, layer) {
    const maps = indices.map((index) => (index < 0 ? null : this.model.map(index, layer)));
    const limits = indices.map((index) => (index < 0 ? [0, 1] : this.limitsFor(index, layer)));
    const { inferred } = this.view;
    const cells = inferred === "faded" || inferred === "hidden" ? this.model.measuredCount : 0;
    const near = this.near();
    const stamp = [indices, maps.map((map) => map?.version), limits, inferred, cells, near && this.nearStamp].join();
    return this.painted("channels", stamp, (pixels) => {
      const bytes = new Uint8ClampedArray(pixels.buffer);
      bytes.fill(0);
      for (let k = 0; k < 3; k++) if (maps[k]) paintChannel(bytes, maps[k].values, limits[k], k);
      const alpha = { hidden: 0, faded: 110 }[inferred] ?? 255;
      const known = maps.find(Boolean)?.values;
      const { states } = this.model;
      for (let i = 0; i < states.length; i++) {
        bytes[i * 4 + 3] = !known || Number.isNaN(known[i]) || (near && !near[i]) ? 0 : states[i] === MEASURED ? 255 : alpha;
      }
    });
  }

  /** Which cells lie near a measured one; null where all of them are taken to. */
  near() {
    const { model } = this;
    const within = nearCells(model.status?.exposures, model.rows * model.columns);
    if (!Number.isFinite(within)) {
      this.nearOf = null;
      return null;
    }
    if (this.nearOf !== model.states || this.within !== within) {
      this.nearOnes = nearOnes(model.states, areMadeOf, model, within);
      [this.nearOf, this.within] = [model.states, within];
      this.nearStamp += 1;
    } else {
      for (const cell of model.added) if (addNear(this.nearOnes, cell, model, within)) this.nearStamp += 1;
    }
    model.added = [];
    return this.nearOnes;
  }

  /** Cells that the maps are made of: those measured by themselves in one colour, those of means in a paler one. */
  marks() {
    return this.painted("marks", String(this.model.counts), (pixels) => {
      const of = new Uint32Array(4).fill(TRANSPARENT);
      of[MEASURED] = pixelOf(255, 178, 36, 255);
      of[AVERAGED] = pixelOf(255, 214, 140, 150);
      const { states } = this.model;
      for (let i = 0; i < states.length; i++) pixels[i] = of[states[i]];
    });
  }

  /** Cells that the maps infer, as a mask for the hatching. */
  inferredMask() {
    return this.painted("mask", String(this.model.measuredCount), (pixels) => {
      const { states } = this.model;
      for (let i = 0; i < states.length; i++) pixels[i] = states[i] === MEASURED ? TRANSPARENT : 0xffffffff;
    });
  }

  /** Cells that are held out of the maps, by their places. */
  held() {
    const stamp = `${this.model.scan.scan_id} ${this.model.counts}`;
    if (this.heldAt !== stamp) {
      this.heldAt = stamp;
      this.heldCells = [];
      this.model.states.forEach((state, cell) => state === HELD && this.heldCells.push(cell));
    }
    return this.heldCells;
  }

  painted(key, stamp, paint) {
    const { rows, columns } = this.model;
    let picture = this.pictures.get(key);
    if (!picture || picture.canvas.width !== columns || picture.canvas.height !== rows) {
      const canvas = document.createElement("canvas");
      canvas.width = columns;
      canvas.height = rows;
      picture = { canvas, image: new ImageData(columns, rows), stamp: null };
      this.pictures.set(key, picture);
    }
    if (picture.stamp !== stamp) {
      picture.stamp = stamp;
      paint(new Uint32Array(picture.image.data.buffer));
      picture.canvas.getContext("2d").putImageData(picture.image, 0, 0);
    }
    return picture.canvas;
  }
}

function paintChannel(bytes, values, [low, high], which) {
  const steps = 255 / (high - low || 1);
  for (let i = 0; i < values.length; i++) if (!Number.isNaN(values[i])) bytes[i * 4 + which] = (values[i] - low) * steps;
}

/** Limits that moved by less than a hundredth of their range are left where they are: colours should not flicker. */
function isNear(kept, found) {
  const range = kept[1] - kept[0] || 1;
  return Math.abs(kept[0] - found[0]) < 0.01 * range && Math.abs(kept[1] - found[1]) < 0.01 * range;
}
