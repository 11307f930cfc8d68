// Contrast: which values the ends of the colour bar have, by percentiles or by hand on the histogram.

import { fitted } from "./canvas.js";
import { short } from "./words.js";

const BINS = 1024;
const SHOWN_BINS = 128;

/** Smallest and largest known value; null when nothing is known. */
function extent(values) {
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}

export function histogramOf(values, bins = BINS) {
  const ends = extent(values);
  const counts = new Uint32Array(bins);
  let known = 0;
  if (ends) {
    const steps = (bins - 1) / (ends[1] - ends[0] || 1);
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (value === value) {
        counts[((value - ends[0]) * steps) | 0]++;
        known++;
      }
    }
  }
  return { ends, counts, known };
}

/** Values below and above which a percentage of the cells lies; null when nothing is known. */
export function limitsOf(values, percent) {
  const { ends, counts, known } = histogramOf(values);
  if (!ends) return null;
  if (!percent) return ends;
  const aside = (known * percent) / 100;
  const width = (ends[1] - ends[0]) / (BINS - 1);
  let below = 0;
  let first = 0;
  while (first < BINS - 1 && below + counts[first] <= aside) below += counts[first++];
  let above = 0;
  let last = BINS - 1;
  while (last > first && above + counts[last] <= aside) above += counts[last--];
  const limits = [ends[0] + first * width, ends[0] + (last + 1) * width];
  return limits[1] > limits[0] ? limits : ends;
}

/** The panel below the toolbar. */
export class StretchPanel {
  constructor(model, view, painter) {
    this.model = model;
    this.view = view;
    this.painter = painter;
    this.panel = document.getElementById("stretch");
    this.element = document.getElementById("stretch-element");
    this.percentiles = document.getElementById("percentiles");
    this.canvas = document.getElementById("histogram");
    this.low = document.getElementById("stretch-low");
    this.high = document.getElementById("stretch-high");
    const button = document.getElementById("contrast");
    button.addEventListener("click", () => {
      this.panel.hidden = !this.panel.hidden;
      button.setAttribute("aria-expanded", String(!this.panel.hidden));
      this.draw();
    });
    this.element.addEventListener("change", () => this.draw());
    this.percentiles.addEventListener("change", () => {
      this.view.setLimits(this.key, null);
      this.view.set({ percent: Number(this.percentiles.value) });
    });
    for (const slider of [this.low, this.high]) slider.addEventListener("input", () => this.slide());
    this.canvas.addEventListener("pointerdown", (event) => this.grab(event));
  }

  get index() {
    return Number(this.element.value || -1);
  }

  get key() {
    return `${this.model.nameOf(this.index)}/${this.view.layer}`;
  }

  /** Follow what the large map shows. */
  choose(index) {
    if (index >= 0) this.element.value = String(index);
    this.draw();
  }

  slide() {
    const ends = this.ends;
    if (!ends) return;
    const at = (slider) => ends[0] + ((ends[1] - ends[0]) * slider.value) / 1000;
    const [low, high] = [at(this.low), at(this.high)];
    this.view.setLimits(this.key, low < high ? [low, high] : [high, low + (ends[1] - ends[0]) / 1000]);
  }

  grab(event) {
    if (!this.ends) return;
    const box = this.canvas.getBoundingClientRect();
    const place = (at) => Math.round(1000 * Math.min(1, Math.max(0, (at.clientX - box.left) / box.width)));
    const start = place(event);
    const moved = Math.abs(start - this.low.value) < Math.abs(start - this.high.value) ? this.low : this.high;
    const follow = (at) => {
      moved.value = String(place(at));
      this.slide();
    };
    follow(event);
    this.canvas.setPointerCapture(event.pointerId);
    this.canvas.onpointermove = follow;
    this.canvas.onpointerup = this.canvas.onpointercancel = () => (this.canvas.onpointermove = null);
  }

  draw() {
    if (this.panel.hidden || this.index < 0 || this.index >= this.model.elements.length) return;
    const { values } = this.model.map(this.index, this.view.layer);
    const { ends, counts } = histogramOf(values, SHOWN_BINS);
    this.ends = ends;
    const limits = this.painter.limitsFor(this.index, this.view.layer);
    this.percentiles.value = this.view.limits.has(this.key) ? "fixed" : String(this.view.percent);
    const { context, width, height, colour } = fitted(this.canvas);
    context.clearRect(0, 0, width, height);
    if (!ends) return;
    const range = ends[1] - ends[0] || 1;
    const most = Math.log1p(Math.max(...counts));
    context.fillStyle = colour("--muted");
    counts.forEach((count, i) => {
      const tall = (Math.log1p(count) / most) * (height - 2);
      context.fillRect((i / SHOWN_BINS) * width, height - tall, width / SHOWN_BINS + 0.5, tall);
    });
    context.fillStyle = colour("--accent");
    for (const limit of limits) context.fillRect(((limit - ends[0]) / range) * width - 1.5, 0, 3, height);
    this.setSlider(this.low, (limits[0] - ends[0]) / range, limits[0]);
    this.setSlider(this.high, (limits[1] - ends[0]) / range, limits[1]);
  }

  setSlider(slider, part, value) {
    if (document.activeElement !== slider || slider.matches(":not(:active)")) slider.value = String(Math.round(1000 * part));
    slider.setAttribute("aria-valuetext", `${short(value)} ${this.model.scan.unit}`);
  }
}
