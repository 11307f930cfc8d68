// The spectrum at a point, or of all exposures, with the lines of the elements that are looked for.

import { json } from "./api.js";
import { FONT, fitted, oncePerFrame, ticks } from "./canvas.js";
import { short, whole } from "./words.js";

const AGAIN_MS = 4000;
const MARGIN = { left: 52, right: 12, top: 30, bottom: 24 };
const SPACE_MS = 120;
/** Lines that no detector of this kind tells apart share one label. */
const CLOSE_KEV = 0.06;

/** Channels that are put together, so that peaks of a short exposure stand out from single counts. */
function binWidth(counts) {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return total < 1500 ? 8 : total < 6000 ? 4 : total < 20000 ? 2 : 1;
}

function binned(counts, width) {
  const sums = new Array(Math.ceil(counts.length / width)).fill(0);
  counts.forEach((count, i) => (sums[Math.floor(i / width)] += count));
  return sums;
}

export class Spectrum {
  constructor(model, view) {
    Object.assign(this, { model, view });
    this.canvas = document.getElementById("spectrum-chart");
    this.words = document.getElementById("spectrum-words");
    this.point = null;
    this.sum = null;
    this.pointer = null;
    this.redraw = oncePerFrame(() => this.draw());
    for (const which of ["point", "sum"]) {
      document.getElementById(`spectrum-${which}`).addEventListener("click", () => view.set({ spectrum: which }));
    }
    document.getElementById("spectrum-log").addEventListener("click", () => {
      view.set({ scale: view.scale === "log" ? "lin" : "log" });
    });
    this.canvas.addEventListener("pointermove", (event) => {
      this.pointer = event.offsetX;
      this.redraw();
    });
    this.canvas.addEventListener("pointerleave", () => {
      this.pointer = null;
      this.redraw();
    });
    new ResizeObserver(this.redraw).observe(this.canvas);
    setInterval(() => this.refresh(), AGAIN_MS);
  }

  async refresh() {
    if (document.hidden || !this.model.scan?.grid || this.model.exposures === this.askedAt) return;
    await this.ask();
  }

  /** Both spectra as they are now; only the newest answer counts. */
  async ask() {
    const { pinned } = this.view;
    const turn = (this.turn = (this.turn ?? 0) + 1);
    this.askedAt = this.model.exposures;
    try {
      const sum = json("api/spectrum/sum");
      const point = pinned ? json(`api/spectrum?row=${pinned.row}&column=${pinned.column}`) : null;
      const found = await Promise.all([sum, point]);
      if (turn === this.turn) [this.sum, this.point] = found;
    } catch {
      this.askedAt = null;
    }
    this.redraw();
  }

  pinChanged() {
    clearTimeout(this.timer);
    if (!this.view.pinned) this.point = null;
    this.timer = setTimeout(() => this.ask(), SPACE_MS);
    this.redraw();
  }

  get isPoint() {
    return this.view.spectrum === "point" && Boolean(this.view.pinned);
  }

  draw() {
    if (!this.model.scan?.grid) return;
    this.press();
    const page = fitted(this.canvas);
    page.context.clearRect(0, 0, page.width, page.height);
    const shown = this.isPoint ? this.point : this.sum;
    this.words.textContent = this.wordsFor(shown);
    if (!shown?.counts?.length || !(shown.live_s > 0)) return;
    const width = binWidth(shown.counts);
    const counts = binned(shown.counts, width);
    const times = this.isPoint && this.sum?.live_s ? shown.live_s / this.sum.live_s : 0;
    const mean = times ? binned(this.sum.counts, width).map((count) => count * times) : null;
    const axes = this.axes(page, counts, mean, width);
    this.drawAxes(page, axes);
    if (mean) this.drawCurve(page, axes, mean, page.colour("--muted"), true);
    this.drawCurve(page, axes, counts, page.colour("--accent"), false);
    this.drawLines(page, axes);
    this.drawPointer(page, axes, counts);
    this.canvas.setAttribute("aria-label", `${this.words.textContent} Strongest channel at ${axes.peakKev.toFixed(2)} keV.`);
  }

  press() {
    const state = { point: this.isPoint, sum: !this.isPoint, log: this.view.scale === "log" };
    for (const [which, isOn] of Object.entries(state)) {
      document.getElementById(`spectrum-${which}`).setAttribute("aria-pressed", String(isOn));
    }
    document.getElementById("spectrum-point").disabled = !this.view.pinned;
  }

  wordsFor(shown) {
    if (!shown || shown.exposures === 0) return this.isPoint ? "Asking …" : "No exposures yet.";
    if (!this.isPoint) {
      return `Sum of ${whole(shown.exposures)} exposures, ${short(shown.live_s)} s live. Click on a map for the spectrum there.`;
    }
    const place = this.model.stageOf(shown);
    const where = `x ${place.x_mm.toFixed(1)}, y ${place.y_mm.toFixed(1)} mm`;
    const own = shown.held
      ? "measured here, kept back to check the maps"
      : shown.averaged
        ? "measured over this cell and others, as one mean"
        : "measured here";
    const nearest = shown.measured ? own : `of the nearest exposure, ${short(shown.nearest_mm)} mm away`;
    return `At ${where}: ${nearest}, ${short(shown.live_s)} s live. Grey: mean of all.`;
  }

  axes(page, counts, mean, width) {
    const gain = this.model.scan.energy.gain_kev * width;
    const zero = this.model.scan.energy.zero_kev + (gain * (width - 1)) / (2 * width);
    const sum = this.sum ? binned(this.sum.counts, width) : counts;
    let last = sum.length - 1;
    const least = Math.max(...sum) * 3e-5;
    while (last > 50 && sum[last] <= least) last--;
    const first = Math.max(0, Math.ceil((0.3 - zero) / gain));
    const peak = counts.reduce((best, count, i) => (i >= first && count > counts[best] ? i : best), first);
    const most = Math.max(1, counts[peak], mean ? Math.max(...mean.slice(first)) : 0);
    const isLog = this.view.scale === "log";
    const floor = isLog ? Math.log10(Math.max(mean ? 0.05 : 0.5, most * 1e-5)) : 0;
    const ceiling = isLog ? Math.log10(most * 1.6) : most * 1.06;
    const [lowKev, highKev] = [zero + first * gain, zero + (last + 1) * gain];
    const across = page.width - MARGIN.left - MARGIN.right;
    const down = page.height - MARGIN.top - MARGIN.bottom;
    return {
      first, last, zero, gain, width, isLog, floor, ceiling, lowKev, highKev, down,
      peakKev: zero + peak * gain,
      x: (kev) => MARGIN.left + ((kev - lowKev) / (highKev - lowKev)) * across,
      kev: (x) => lowKev + ((x - MARGIN.left) / across) * (highKev - lowKev),
      y: (count) => {
        const at = isLog ? Math.log10(Math.max(count, 1e-9)) : count;
        return MARGIN.top + down * (1 - Math.min(1, Math.max(0, (at - floor) / (ceiling - floor))));
      },
    };
  }

  drawAxes({ context, width, height, colour }, axes) {
    context.font = FONT(11.5);
    context.fillStyle = colour("--muted");
    context.strokeStyle = colour("--line");
    context.lineWidth = 1;
    context.textAlign = "center";
    for (const kev of ticks(axes.lowKev, axes.highKev, Math.max(4, width / 90))) {
      const x = axes.x(kev);
      if (x > width - 40) continue;
      context.strokeRect(x, height - MARGIN.bottom, 0, 4);
      context.fillText(`${kev}`, x, height - 7);
    }
    context.textAlign = "right";
    context.fillText("keV", width - 2, height - 7);
    const decades = Array.from({ length: 12 }, (_, k) => 10 ** (k - 2));
    const levels = axes.isLog ? decades : ticks(0, axes.ceiling, Math.max(2, axes.down / 34));
    for (const level of levels) {
      const at = axes.isLog ? Math.log10(level) : level;
      if (at < axes.floor - 1e-9 || at > axes.ceiling) continue;
      const y = axes.y(level);
      context.globalAlpha = 0.5;
      context.strokeRect(MARGIN.left, y, width - MARGIN.left - MARGIN.right, 0);
      context.globalAlpha = 1;
      context.fillText(short(level), MARGIN.left - 6, y + 4);
    }
    context.textAlign = "left";
    context.fillText(axes.width > 1 ? `per ${Math.round(axes.gain * 1000)} eV` : "counts", 4, MARGIN.top - 14);
  }

  drawCurve({ context }, axes, counts, stroke, isFilled) {
    context.beginPath();
    const base = axes.y(-1);
    context.moveTo(axes.x(axes.lowKev), base);
    for (let i = axes.first; i <= axes.last; i++) context.lineTo(axes.x(axes.zero + i * axes.gain), axes.y(counts[i]));
    context.globalAlpha = isFilled ? 0.35 : 1;
    if (isFilled) {
      context.lineTo(axes.x(axes.highKev), base);
      context.fillStyle = stroke;
      context.fill();
    } else {
      context.strokeStyle = stroke;
      context.lineWidth = 1.25;
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  /** A label for every line that has room; those of the element on the large map come first. */
  drawLines({ context, height, colour }, axes) {
    const chosen = this.model.indexOf(this.view.map);
    const lines = this.model.elements.flatMap((element, index) =>
      element.lines_kev.map((line, rank) => ({ ...line, element: index, isChosen: index === chosen, share: line.share ?? 1 / (rank + 1) })),
    );
    lines.sort((one, other) => other.isChosen - one.isChosen || other.share - one.share);
    const taken = [];
    for (const line of lines) {
      const isClose = taken.some((at) => at.element === line.element && Math.abs(at.kev - line.kev) < CLOSE_KEV);
      if (isClose || line.kev < axes.lowKev || line.kev > axes.highKev || line.share < (line.isChosen ? 0.05 : 0.3)) continue;
      context.font = FONT(11.5, line.isChosen ? 700 : 400);
      const half = context.measureText(line.name).width / 2 + 3;
      const x = axes.x(line.kev);
      const tier = [0, 1].find((t) => taken.every((at) => at.tier !== t || Math.abs(at.x - x) > at.half + half));
      context.strokeStyle = colour(line.isChosen ? "--measuring" : "--frame");
      context.globalAlpha = line.isChosen ? 0.9 : 0.4;
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(x, MARGIN.top);
      context.lineTo(x, height - MARGIN.bottom);
      context.stroke();
      context.globalAlpha = 1;
      if (tier === undefined) continue;
      taken.push({ x, half, tier, element: line.element, kev: line.kev });
      context.textAlign = "center";
      context.fillStyle = colour(line.isChosen ? "--measuring" : "--text");
      context.fillText(line.name, x, 25 - 13 * tier);
    }
    context.textAlign = "left";
  }

  drawPointer({ context, width, height, colour }, axes, counts) {
    if (this.pointer === null || this.pointer < MARGIN.left || this.pointer > width - MARGIN.right) return;
    const kev = axes.kev(this.pointer);
    const channel = Math.round((kev - axes.zero) / axes.gain);
    context.fillStyle = colour("--text");
    context.fillRect(this.pointer, MARGIN.top, 1, height - MARGIN.top - MARGIN.bottom);
    context.font = FONT(12, 600);
    const words = `${kev.toFixed(2)} keV: ${whole(counts[channel] ?? 0)}`;
    const isRight = this.pointer > width / 2;
    context.textAlign = isRight ? "right" : "left";
    context.fillText(words, this.pointer + (isRight ? -6 : 6), MARGIN.top + 14);
    context.textAlign = "left";
  }
}
