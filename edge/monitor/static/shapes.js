// Areas that are drawn on the photograph: a rectangle or a lasso, in millimetres of the stage.

const LEAST_MM = 1;
/** A lasso's corners that lie this close to the line between their neighbours, in pixels of the screen, are left out. */
const STRAIGHT_PX = 2;
const MOST_CORNERS = 200;

export const rectangle = ([x0, y0], [x1, y1]) => {
  const [left, right] = [Math.min(x0, x1), Math.max(x0, x1)];
  const [top, bottom] = [Math.min(y0, y1), Math.max(y0, y1)];
  return [[left, top], [right, top], [right, bottom], [left, bottom]];
};

/** Whether a shape is large enough to have been meant. */
export function isMeant(corners) {
  const [xs, ys] = [0, 1].map((k) => corners.map((corner) => corner[k]));
  const span = (values) => Math.max(...values) - Math.min(...values);
  return corners.length >= 3 && span(xs) >= LEAST_MM && span(ys) >= LEAST_MM;
}

/** A lasso with as few corners as keep its shape (Ramer 1972, Douglas and Peucker 1973). */
export function simplified(corners, perMm) {
  let tolerance = STRAIGHT_PX / perMm;
  let kept = thinned(corners, tolerance);
  while (kept.length > MOST_CORNERS) kept = thinned(corners, (tolerance *= 2));
  const [first, last] = [kept[0], kept.at(-1)];
  // a lasso ends where it began, which is no corner of its own
  const isClosed = kept.length > 3 && Math.hypot(first[0] - last[0], first[1] - last[1]) <= 4 * tolerance;
  return kept.slice(0, isClosed ? -1 : undefined).map((corner) => corner.map((value) => +value.toFixed(2)));
}

function thinned(corners, tolerance) {
  if (corners.length < 3) return corners;
  const [first, last] = [corners[0], corners.at(-1)];
  let [most, at] = [0, 0];
  corners.forEach((corner, i) => {
    const away = distance(corner, first, last);
    if (away > most) [most, at] = [away, i];
  });
  if (most <= tolerance) return [first, last];
  return [...thinned(corners.slice(0, at + 1), tolerance).slice(0, -1), ...thinned(corners.slice(at), tolerance)];
}

function distance([x, y], [x0, y0], [x1, y1]) {
  const length = Math.hypot(x1 - x0, y1 - y0);
  if (!length) return Math.hypot(x - x0, y - y0);
  return Math.abs((x1 - x0) * (y0 - y) - (x0 - x) * (y1 - y0)) / length;
}

/** Corners as they are typed: "60 60, 120 60, 120 90"; null where it is no shape. */
export function fromText(text) {
  const corners = text
    .split(/[;,]/)
    .map((corner) => corner.trim().split(/\s+/).map(Number))
    .filter((corner) => corner.length > 0 && !(corner.length === 1 && corner[0] === 0));
  const isWhole = corners.every((corner) => corner.length === 2 && corner.every(Number.isFinite));
  return isWhole && isMeant(corners) ? corners : null;
}

export const toText = (corners) => corners.map((corner) => corner.map((value) => +value.toFixed(2)).join(" ")).join(", ");

/** Surface in square millimetres (shoelace formula). */
export function surface(corners) {
  const twice = corners.reduce((sum, [x, y], i) => {
    const [nextX, nextY] = corners[(i + 1) % corners.length];
    return sum + x * nextY - nextX * y;
  }, 0);
  return Math.abs(twice) / 2;
}
