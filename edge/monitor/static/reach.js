// Where the beam has been near already: what maps say beyond is drawn out from afar, and not shown while a scan goes on.

const DIAGONAL = Math.SQRT2;
/** Mean distances between exposures of the whole plan, and cells at the least, that are near. */
const NEAR_SPACINGS = 4;
const NEAR_CELLS = 4;

/** How far from a measured cell is near, in cells; infinite once all is measured, or where no plan tells. */
export function nearCells({ done = 0, planned = 0 } = {}, cells) {
  if (!planned || done >= planned) return Infinity;
  return Math.ceil(Math.max(NEAR_CELLS, NEAR_SPACINGS * Math.sqrt(cells / planned)));
}

/** Add what lies within a distance of one more cell; whether anything does that did not before. */
export function addNear(near, cell, { rows, columns }, within) {
  const [row, column] = [Math.floor(cell / columns), cell % columns];
  let isMore = false;
  for (let at = Math.max(0, row - within); at <= Math.min(rows - 1, row + within); at++) {
    const wide = Math.floor(Math.sqrt(within ** 2 - (at - row) ** 2));
    const [first, last] = [Math.max(0, column - wide), Math.min(columns - 1, column + wide)];
    const stretch = near.subarray(at * columns + first, at * columns + last + 1);
    if (!stretch.includes(0)) continue;
    stretch.fill(1);
    isMore = true;
  }
  return isMore;
}

/** For each cell 1 where one of some states lies within a distance in cells, else 0; in two sweeps (Borgefors 1986). */
export function nearOnes(states, isOne, { rows, columns }, within) {
  const away = new Float32Array(rows * columns);
  for (let i = 0; i < away.length; i++) away[i] = isOne(states[i]) ? 0 : Infinity;
  const sweep = (row, column, step) => {
    const at = row * columns + column;
    const above = at - step * columns;
    const hasAbove = above >= 0 && above < away.length;
    const before = column - step >= 0 && column - step < columns;
    const after = column + step >= 0 && column + step < columns;
    let least = away[at];
    if (before) least = Math.min(least, away[at - step] + 1);
    if (hasAbove) least = Math.min(least, away[above] + 1);
    if (hasAbove && before) least = Math.min(least, away[above - step] + DIAGONAL);
    if (hasAbove && after) least = Math.min(least, away[above + step] + DIAGONAL);
    away[at] = least;
  };
  for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) sweep(row, column, 1);
  for (let row = rows - 1; row >= 0; row--) for (let column = columns - 1; column >= 0; column--) sweep(row, column, -1);
  const near = new Uint8Array(away.length);
  for (let i = 0; i < away.length; i++) near[i] = away[i] <= within ? 1 : 0;
  return near;
}
