// What lies on every map: scale bar, the point that was chosen, and the place that is pointed at.

import { FONT, outlined } from "./canvas.js";

const NICE = [1, 2, 5];

/** Longest round length in mm that takes no more than a part of the width. */
export function niceLength(mostMm) {
  const power = 10 ** Math.floor(Math.log10(mostMm));
  return Math.max(...NICE.map((k) => k * power).filter((length) => length <= mostMm));
}

/** In the lower left corner of what is seen of the picture. */
export function drawScaleBar(context, lens, { size = 13, part = 0.25 } = {}) {
  const { left, bottom, wide } = lens.seen();
  const length = niceLength((wide * part) / lens.perMm);
  if (!Number.isFinite(length)) return;
  const width = length * lens.perMm;
  const [x, y] = [left + 8, bottom - 8];
  context.fillStyle = "rgb(0 0 0 / .75)";
  context.fillRect(x - 1.5, y - 4.5, width + 3, 6);
  context.fillStyle = "#fff";
  context.fillRect(x, y - 3, width, 3);
  context.font = FONT(size, 600);
  outlined(context, length >= 1 ? `${length} mm` : `${+(length * 1000).toPrecision(2)} µm`, x, y - 8);
}

export function drawCursor(context, lens, view) {
  if (view.pinned) drawCross(context, lens, view.pinned, "#fff", lens.width < 300 ? 8 : 12);
  if (view.cursor) drawBox(context, lens, view.cursor);
}

function drawCross(context, lens, cell, colour, reach) {
  const [x, y] = lens.toScreen(cell.row + 0.5, cell.column + 0.5);
  for (const [stroke, width] of [["rgb(0 0 0 / .8)", 4], [colour, 2]]) {
    context.strokeStyle = stroke;
    context.lineWidth = width;
    context.beginPath();
    for (const [dx, dy] of [[1, 1], [-1, -1], [1, -1], [-1, 1]]) {
      context.moveTo(x + dx * 4, y + dy * 4);
      context.lineTo(x + dx * reach * 0.8, y + dy * reach * 0.8);
    }
    context.stroke();
  }
}

function drawBox(context, lens, cell) {
  const [x, y] = lens.toScreen(cell.row, cell.column);
  const [width, height] = [Math.max(lens.cellWidth, 5), Math.max(lens.cellHeight, 5)];
  const [left, top] = [x + (lens.cellWidth - width) / 2, y + (lens.cellHeight - height) / 2];
  for (const [stroke, line] of [["rgb(0 0 0 / .8)", 3], ["#fff", 1.25]]) {
    context.strokeStyle = stroke;
    context.lineWidth = line;
    context.strokeRect(left, top, width, height);
  }
}
