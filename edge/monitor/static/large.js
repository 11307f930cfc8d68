// The large map: the photograph, an element or three over it, what was measured, and where the beam is.

import { picture } from "./api.js";
import { fitted, oncePerFrame } from "./canvas.js";
import { drawBar } from "./colours.js";
import { gestures, mapKeys } from "./gestures.js";
import { Lens } from "./lens.js";
import { drawCursor, drawScaleBar } from "./marks.js";
import { short, whole } from "./words.js";

const FRESH_MS = 1600;
const BEAM = "#ff2d6f";
/** Beside the marks' amber told apart by everybody (Okabe and Ito 2008, sky blue). */
const HELD_OUT = "#56b4e9";
const LEAST_HELD_PX = 5;
/** Part of the cells from which on their marks let more of the photograph shine through. */
const DENSE = 0.2;

export class LargeMap {
  constructor(model, view, painter, on) {
    Object.assign(this, { model, view, painter });
    this.canvas = document.getElementById("large-map");
    this.empty = document.getElementById("large-empty");
    this.photo = null;
    this.layers = new Map();
    this.redraw = oncePerFrame(() => this.draw());
    const owner = { view, model, lens: () => this.lens(), ...on };
    gestures(this.canvas, owner);
    mapKeys(this.canvas, owner);
    new ResizeObserver(this.redraw).observe(this.canvas);
  }

  lens() {
    return new Lens(this.model, this.view, this.canvas.clientWidth, this.canvas.clientHeight);
  }

  /** The photograph on the scan grid; asked for again when it has been moved. */
  async askPhoto() {
    const about = this.model.scan.photo;
    if (!about) return;
    try {
      this.photo = await picture(about.url);
      this.redraw();
    } catch {
      setTimeout(() => this.askPhoto(), 5000);
    }
  }

  draw() {
    if (!this.model.scan?.grid) return;
    const { context, width, height, scale } = fitted(this.canvas);
    const lens = this.lens();
    context.clearRect(0, 0, width, height);
    this.empty.hidden = Boolean(this.photo) || this.hasOverlay;
    this.canvas.style.touchAction = lens.factor > 1.0001 ? "none" : "pan-y";
    if (this.photo) {
      context.imageSmoothingEnabled = true;
      lens.draw(context, this.photo);
    }
    this.drawOverlay(context, lens, scale);
    this.drawMeasured(context, lens);
    this.drawBeam(context, lens);
    drawCursor(context, lens, this.view);
    drawScaleBar(context, lens);
    this.tell();
  }

  get isChannels() {
    return this.view.map === "rgb";
  }

  get index() {
    return this.isChannels ? -1 : this.model.indexOf(this.view.map);
  }

  get channels() {
    return this.view.rgb.split(",").concat("", "", "").slice(0, 3).map((name) => this.model.indexOf(name));
  }

  get hasOverlay() {
    return this.isChannels || this.index >= 0;
  }

  drawOverlay(context, lens, scale) {
    if (!this.hasOverlay) return;
    const { layer, inferred, opacity } = this.view;
    const painted = this.isChannels
      ? this.painter.channels(this.channels, layer)
      : this.painter.element(this.index, layer);
    context.globalAlpha = opacity;
    context.imageSmoothingEnabled = false;
    lens.draw(context, painted);
    context.globalAlpha = 1;
    if (inferred === "hatched") this.drawHatching(context, lens, scale);
  }

  /** Strokes of the screen's width over every cell that the maps infer. */
  drawHatching(context, lens, scale) {
    const hatch = this.layer("hatch", this.canvas.width, this.canvas.height);
    const drawn = hatch.getContext("2d");
    drawn.setTransform(scale, 0, 0, scale, 0, 0);
    drawn.clearRect(0, 0, lens.width, lens.height);
    drawn.globalCompositeOperation = "source-over";
    drawn.strokeStyle = "rgb(255 255 255 / .5)";
    drawn.lineWidth = 1;
    drawn.beginPath();
    for (let x = -lens.height; x < lens.width; x += 6) {
      drawn.moveTo(x, lens.height);
      drawn.lineTo(x + lens.height, 0);
    }
    drawn.stroke();
    drawn.globalCompositeOperation = "destination-in";
    drawn.imageSmoothingEnabled = false;
    lens.draw(drawn, this.painter.inferredMask());
    context.drawImage(hatch, 0, 0, lens.width, lens.height);
  }

  layer(name, width, height) {
    if (!this.layers.has(name)) this.layers.set(name, document.createElement("canvas"));
    const canvas = this.layers.get(name);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    return canvas;
  }

  get areMarked() {
    return this.view.marks ? this.view.marks === "on" : !this.hasOverlay;
  }

  drawMeasured(context, lens) {
    if (this.areMarked) {
      context.imageSmoothingEnabled = false;
      const isDense = this.model.measuredCount + this.model.averagedCount > DENSE * this.model.states.length;
      context.globalAlpha = lens.cellWidth > 5 || isDense ? 0.5 : 0.75;
      lens.draw(context, this.painter.marks());
      context.globalAlpha = 1;
      this.drawHeld(context, lens);
    }
    this.drawFresh(context, lens);
  }

  /** Cells held out of the maps, as hollow squares: another colour and another shape. */
  drawHeld(context, lens) {
    const { columns } = this.model;
    const [wide, high] = [Math.max(lens.cellWidth, LEAST_HELD_PX), Math.max(lens.cellHeight, LEAST_HELD_PX)];
    for (const [colour, width] of [["rgb(0 0 0 / .75)", 3], [HELD_OUT, 1.5]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      for (const cell of this.painter.held()) {
        const [x, y] = lens.toScreen(Math.floor(cell / columns) + 0.5, (cell % columns) + 0.5);
        if (x < -wide || y < -high || x > lens.width + wide || y > lens.height + high) continue;
        context.strokeRect(x - wide / 2 + 0.75, y - high / 2 + 0.75, wide - 1.5, high - 1.5);
      }
    }
  }

  /** The newest exposures fade away from white, so that one sees where it is at work. */
  drawFresh(context, lens) {
    const now = performance.now();
    const fresh = this.model.fresh.filter((exposure) => now - exposure.at < FRESH_MS);
    this.model.fresh = fresh;
    const radius = Math.max(2.2, lens.cellWidth * 0.6);
    for (const exposure of fresh) {
      const [x, y] = lens.toScreen(exposure.row + 0.5, exposure.column + 0.5);
      context.globalAlpha = 1 - (now - exposure.at) / FRESH_MS;
      context.fillStyle = "#fff";
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.fill();
    }
    context.globalAlpha = 1;
    if (fresh.length && !document.hidden) setTimeout(this.redraw, 60);
  }

  drawBeam(context, lens) {
    const beam = this.model.status?.beam;
    if (!beam || !Number.isFinite(beam.x_mm)) return;
    const cell = this.model.cellOf(beam);
    const [x, y] = lens.toScreen(cell.row + 0.5, cell.column + 0.5);
    const radius = 9;
    for (const [colour, width] of [["rgb(0 0 0 / .7)", 5], [beam.on ? BEAM : "#fff", 2.5]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.setLineDash(beam.on ? [] : [4, 3]);
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(x + dx * radius, y + dy * radius);
        context.lineTo(x + dx * (radius + 8), y + dy * (radius + 8));
      }
      context.stroke();
    }
    context.setLineDash([]);
    if (beam.on) {
      context.fillStyle = "#fff";
      context.beginPath();
      context.arc(x, y, 3, 0, 2 * Math.PI);
      context.fill();
    }
  }

  /** Title and legend, in words. */
  tell() {
    const { model, view } = this;
    const title = this.isChannels
      ? `${this.channels.map((index) => (index < 0 ? "–" : model.wordsOf(index))).join(", ")} as red, green, blue`
      : this.index >= 0
        ? `${model.wordsOf(this.index)}${view.layer === "error" ? ", standard error" : ""}`
        : "Photograph";
    put("large-title", title);
    const part = (100 * model.measuredCount) / (model.rows * model.columns);
    const cells = whole(model.rows * model.columns);
    put("measured-words", `measured: ${whole(model.measuredCount)} of ${cells} cells, ${short(part)} %`);
    document.getElementById("legend-averaged").hidden = !model.averagedCount;
    put("averaged-words", `measured as means over several cells: ${whole(model.averagedCount)}`);
    document.getElementById("legend-held").hidden = !model.heldCount;
    put("held-words", `measured, kept back to check the maps: ${whole(model.heldCount)}`);
    document.getElementById("legend-inferred").hidden = !this.hasOverlay;
    const hasFar = this.painter.near()?.includes(0);
    put("legend-inferred", hasFar ? "others: inferred, and shown once the beam has been near" : "all others: inferred from these");
    const beam = model.status?.beam;
    put("beam-words", !beam ? "beam: not on yet" : beam.on ? "beam, now" : "beam off; it was here last");
    document.getElementById("beam-key").classList.toggle("off", !beam?.on);
    this.tellBar();
  }

  tellBar() {
    const bar = document.getElementById("legend-bar");
    bar.hidden = this.index < 0;
    if (bar.hidden) return;
    const [low, high] = this.painter.limitsFor(this.index, this.view.layer);
    put("bar-name", this.model.wordsOf(this.index));
    put("bar-low", short(low));
    put("bar-high", short(high));
    put("bar-unit", this.model.scan.unit);
    const strip = document.getElementById("bar");
    if (strip.dataset.colours !== this.view.colours) {
      strip.dataset.colours = this.view.colours;
      drawBar(strip, this.view.colours);
    }
    strip.setAttribute("aria-label", `Colours from ${short(low)} to ${short(high)} ${this.model.scan.unit}`);
  }
}

function put(id, text) {
  const place = document.getElementById(id);
  if (place.textContent !== text) place.textContent = text;
}
