// The error of the maps over time, with the band of its own uncertainty.

import { json } from "./api.js";
import { FONT, fitted, oncePerFrame, ticks } from "./canvas.js";
import { duration, percent } from "./words.js";

const AGAIN_MS = 5000;
const MARGIN = { left: 46, right: 10, top: 20, bottom: 20 };

export class ErrorChart {
  constructor(model) {
    this.model = model;
    this.canvas = document.getElementById("error-chart");
    this.points = [];
    this.redraw = oncePerFrame(() => this.draw());
    new ResizeObserver(this.redraw).observe(this.canvas);
    setInterval(() => document.hidden || this.ask(), AGAIN_MS);
  }

  async ask() {
    if (!this.model.scan?.grid) return;
    try {
      this.points = (await json("api/history")).error ?? [];
    } catch {
      return;
    }
    this.redraw();
  }

  draw() {
    const page = fitted(this.canvas);
    const { context, width, height, colour } = page;
    context.clearRect(0, 0, width, height);
    context.font = FONT(11.5);
    context.fillStyle = colour("--muted");
    context.fillText("Error of the maps, in % of their brightest values", 8, 13);
    const points = this.points.filter(([, value]) => Number.isFinite(value));
    if (points.length < 2) {
      context.fillText("Known once enough of that is measured.", MARGIN.left, height / 2 + 8);
      this.canvas.setAttribute("aria-label", "Error of the maps over time: nothing yet");
      return;
    }
    this.plot(page, points);
    const [seconds, value] = points.at(-1);
    this.canvas.setAttribute("aria-label", `Error of the maps over time, last ${percent(value)} after ${duration(seconds)}`);
  }

  plot({ context, width, height, colour }, points) {
    const last = points.at(-1)[0];
    const first = points[0][0];
    const highest = points.map(([, value, se]) => value + (se || 0)).sort((a, b) => a - b)[Math.floor(points.length * 0.98)];
    const x = (seconds) => MARGIN.left + ((seconds - first) / (last - first || 1)) * (width - MARGIN.left - MARGIN.right);
    const y = (value) => height - MARGIN.bottom - Math.min(1, value / highest) * (height - MARGIN.top - MARGIN.bottom);
    context.textAlign = "right";
    context.strokeStyle = colour("--line");
    for (const level of ticks(0, highest, Math.max(2, height / 45))) {
      context.strokeRect(MARGIN.left, y(level), width - MARGIN.left - MARGIN.right, 0);
      context.fillText(percent(level), MARGIN.left - 6, y(level) + 4);
    }
    context.fillText(duration(last), width - 4, height - 5);
    context.textAlign = "left";
    context.fillText(duration(first), MARGIN.left, height - 5);
    context.fillStyle = colour("--accent");
    context.globalAlpha = 0.25;
    context.beginPath();
    for (const [at, value, se] of points) context.lineTo(x(at), y(value + (se || 0)));
    for (const [at, value, se] of [...points].reverse()) context.lineTo(x(at), y(Math.max(0, value - (se || 0))));
    context.fill();
    context.globalAlpha = 1;
    context.strokeStyle = colour("--accent");
    context.lineWidth = 2;
    context.beginPath();
    for (const [at, value] of points) context.lineTo(x(at), y(value));
    context.stroke();
  }
}
