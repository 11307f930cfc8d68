// From cells to the screen and back, the same for all maps: one place and one magnification, each canvas its own size.

const MOST = 60;

export class Lens {
  constructor(model, view, width, height) {
    const [across, down] = model.pitch;
    this.model = model;
    this.view = view;
    this.width = width;
    this.height = height;
    const fit = Math.min(width / (model.columns * across), height / (model.rows * down));
    this.factor = view.place?.factor ?? 1;
    this.perMm = fit * this.factor;
    this.cellWidth = this.perMm * across;
    this.cellHeight = this.perMm * down;
    this.row = this.kept(view.place?.row ?? model.rows / 2, model.rows, height / this.cellHeight);
    this.column = this.kept(view.place?.column ?? model.columns / 2, model.columns, width / this.cellWidth);
  }

  /** The middle stays where the picture fills the canvas. */
  kept(middle, count, shown) {
    return shown >= count ? count / 2 : Math.min(Math.max(middle, shown / 2), count - shown / 2);
  }

  /** On the screen, of a place in cells from the grid's corner. */
  toScreen(row, column) {
    return [
      this.width / 2 + (column - this.column) * this.cellWidth,
      this.height / 2 + (row - this.row) * this.cellHeight,
    ];
  }

  toGrid(x, y) {
    return {
      row: this.row + (y - this.height / 2) / this.cellHeight,
      column: this.column + (x - this.width / 2) / this.cellWidth,
    };
  }

  /** Cell below a point, or null beside the grid. */
  cellAt(x, y) {
    const place = this.toGrid(x, y);
    const cell = { row: Math.floor(place.row), column: Math.floor(place.column) };
    const isInside = cell.row >= 0 && cell.column >= 0 && cell.row < this.model.rows && cell.column < this.model.columns;
    return isInside ? cell : null;
  }

  /** Where the grid's picture lies on the canvas, as far as it is seen. */
  seen() {
    const [x0, y0] = this.toScreen(0, 0);
    const [x1, y1] = this.toScreen(this.model.rows, this.model.columns);
    const [left, right] = [Math.max(0, x0), Math.min(this.width, x1)];
    return { left, top: Math.max(0, y0), bottom: Math.min(this.height, y1), wide: right - left };
  }

  /** Draw a picture of the whole grid. */
  draw(context, picture) {
    const [x, y] = this.toScreen(0, 0);
    context.drawImage(picture, x, y, this.model.columns * this.cellWidth, this.model.rows * this.cellHeight);
  }

  pannedBy(dx, dy) {
    return { factor: this.factor, row: this.row - dy / this.cellHeight, column: this.column - dx / this.cellWidth };
  }

  /** Magnified about a point of the screen, which stays where it is. */
  zoomedBy(times, x = this.width / 2, y = this.height / 2) {
    const factor = Math.min(MOST, Math.max(1, this.factor * times));
    const ratio = this.factor / factor;
    const fixed = this.toGrid(x, y);
    return {
      factor,
      row: fixed.row + (this.row - fixed.row) * ratio,
      column: fixed.column + (this.column - fixed.column) * ratio,
    };
  }
}
