// The photograph of the table, with the shapes on it and the one that is being drawn.

import { picture } from "./api.js";
import { fitted, oncePerFrame } from "./canvas.js";
import { drawScaleBar } from "./marks.js";
import { isMeant, rectangle, simplified } from "./shapes.js";

const AREA = "#ffb224";
const KEEP_OUT = "#ff5c8a";

export class Drawing {
  /** `shapes()` gives area and keep-outs; `drawn(corners)` takes a new one; `hover([x, y] in mm or null)`. */
  constructor({ shapes, drawn, hover, isLasso }) {
    Object.assign(this, { shapes, drawn, hover, isLasso });
    this.canvas = document.getElementById("planning-map");
    this.frame = null;
    this.pictures = new Map();
    this.shown = "";
    this.trail = null;
    this.redraw = oncePerFrame(() => this.draw());
    new ResizeObserver(this.redraw).observe(this.canvas);
    this.canvas.addEventListener("pointerdown", (event) => this.begin(event));
    this.canvas.addEventListener("pointermove", (event) => this.follow(event));
    for (const end of ["pointerup", "pointercancel"]) this.canvas.addEventListener(end, (event) => this.end(event));
    this.canvas.addEventListener("pointerleave", () => hover(null));
  }

  /** Put a picture over the photograph, or take it away. */
  async show(name, url, frame) {
    if (url && !this.pictures.has(url)) this.pictures.set(url, { image: await picture(url), frame });
    if (name === "photo") this.photo = url;
    else this.shown = url;
    this.redraw();
  }

  get scale() {
    const [width, height] = this.frame.size_mm;
    return Math.min(this.canvas.clientWidth / width, this.canvas.clientHeight / height);
  }

  toScreen([x, y]) {
    const { origin_mm: origin, size_mm: size } = this.frame;
    return [
      this.canvas.clientWidth / 2 + (x - origin[0] - size[0] / 2) * this.scale,
      this.canvas.clientHeight / 2 + (y - origin[1] - size[1] / 2) * this.scale,
    ];
  }

  toStage(event) {
    const { origin_mm: origin, size_mm: size } = this.frame;
    const box = this.canvas.getBoundingClientRect();
    const within = (value, k) => Math.min(origin[k] + size[k], Math.max(origin[k], value));
    return [
      within((event.clientX - box.left - box.width / 2) / this.scale + origin[0] + size[0] / 2, 0),
      within((event.clientY - box.top - box.height / 2) / this.scale + origin[1] + size[1] / 2, 1),
    ];
  }

  begin(event) {
    if (!this.frame || event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.trail = [this.toStage(event)];
  }

  follow(event) {
    if (!this.frame) return;
    const place = this.toStage(event);
    this.hover(place);
    if (!this.trail) return;
    this.trail = this.isLasso() ? [...this.trail, place] : [this.trail[0], place];
    this.redraw();
  }

  end(event) {
    const trail = this.trail;
    this.trail = null;
    if (!trail || event.type === "pointercancel") return;
    const corners = this.isLasso() ? simplified(trail, this.scale) : rectangle(trail[0], trail.at(-1));
    if (isMeant(corners)) this.drawn(corners.map((corner) => corner.map((value) => +value.toFixed(2))));
    this.redraw();
  }

  draw() {
    const { context, width, height } = fitted(this.canvas);
    context.clearRect(0, 0, width, height);
    if (!this.frame) return;
    this.drawPicture(context, this.photo, 1);
    this.drawPicture(context, this.shown, 0.85);
    const { area, keepOuts } = this.shapes();
    if (area) this.drawShape(context, area, AREA, false);
    for (const corners of keepOuts) this.drawShape(context, corners, KEEP_OUT, true);
    if (this.trail?.length > 1) {
      const corners = this.isLasso() ? this.trail : rectangle(this.trail[0], this.trail[1]);
      this.drawShape(context, corners, "#fff", false);
    }
    const [left, top] = this.toScreen(this.frame.origin_mm);
    const [wide, high] = this.frame.size_mm.map((length) => length * this.scale);
    drawScaleBar(context, { perMm: this.scale, seen: () => ({ left, bottom: top + high, wide }) });
  }

  drawPicture(context, url, opacity) {
    const known = this.pictures.get(url);
    if (!known) return;
    const { origin_mm: origin, size_mm: size } = known.frame ?? this.frame;
    const [x, y] = this.toScreen(origin);
    context.globalAlpha = opacity;
    context.drawImage(known.image, x, y, size[0] * this.scale, size[1] * this.scale);
    context.globalAlpha = 1;
  }

  drawShape(context, corners, colour, isFilled) {
    context.beginPath();
    for (const corner of corners) context.lineTo(...this.toScreen(corner));
    context.closePath();
    if (isFilled) {
      context.fillStyle = `${colour}66`;
      context.fill();
    }
    for (const [stroke, line] of [["rgb(0 0 0 / .8)", 4], [colour, 2]]) {
      context.strokeStyle = stroke;
      context.lineWidth = line;
      context.stroke();
    }
  }
}
