// All element maps side by side, each a button that lays its element over the photograph.

import { fitted, oncePerFrame } from "./canvas.js";
import { drawBar } from "./colours.js";
import { gestures } from "./gestures.js";
import { Lens } from "./lens.js";
import { drawCursor, drawScaleBar } from "./marks.js";
import { short } from "./words.js";

const LEAST_PX = 96;
const GAP = 8;
/** Height of name, colour bar and its ends. */
const WORDS_PX = 53;

export class Multiples {
  constructor(model, view, painter, on) {
    Object.assign(this, { model, view, painter, on });
    this.grid = document.getElementById("multiples");
    this.tiles = [];
    this.visible = new Set();
    this.redraw = oncePerFrame(() => this.draw());
    this.watcher = new IntersectionObserver((seen) => this.see(seen), { root: null, rootMargin: "40px" });
    new ResizeObserver(() => this.fit()).observe(this.grid);
  }

  build() {
    this.watcher.disconnect();
    this.visible.clear();
    this.grid.replaceChildren();
    this.fit();
    this.tiles = this.model.elements.map((_, index) => this.tile(index));
    this.grid.append(...this.tiles.map((tile) => tile.button));
    for (const tile of this.tiles) this.watcher.observe(tile.button);
    if (!this.tiles.length) {
      const words = document.createElement("p");
      words.className = "note";
      words.textContent = "They appear here as soon as the first exposures say which elements there are.";
      this.grid.append(words);
    }
  }

  tile(index) {
    const made = (kind, className, parent) => {
      const node = document.createElement(kind);
      node.className = className;
      parent.append(node);
      return node;
    };
    const button = document.createElement("button");
    button.type = "button";
    button.className = "element";
    const name = made("span", "name", button);
    name.textContent = this.model.elements[index].symbol;
    made("small", "line", name).textContent = this.model.elements[index].line;
    button.setAttribute("aria-label", `Map of ${this.model.wordsOf(index)}`);
    const picture = made("canvas", "picture", button);
    const strip = made("canvas", "strip", button);
    const ends = made("span", "ends", button);
    const [low, unit, high] = ["low", "unit", "high"].map((part) => made("span", part, ends));
    unit.textContent = this.model.scan.unit;
    picture.style.aspectRatio = String(this.aspect);
    const tile = { index, button, picture, strip, low, high };
    gestures(picture, {
      view: this.view,
      model: this.model,
      lens: () => this.lens(tile),
      pick: () => this.on.choose(index),
      hover: this.on.hover,
      wheelNeedsControl: true,
    });
    // A key's click has no pointer's; that one was taken as a gesture.
    button.addEventListener("click", (event) => {
      if (event.target !== picture) this.on.choose(index);
    });
    return tile;
  }

  /** As many columns as show all maps at once, as large as they can be; where that is too small, they scroll. */
  fit() {
    const count = this.model.elements.length;
    const style = this.grid.style;
    style.gridTemplateColumns = "";
    if (count && getComputedStyle(this.grid).overflowY === "auto") {
      const [width, height] = [this.grid.clientWidth - 6, this.grid.clientHeight - 6];
      const fits = (columns) => {
        const wide = (width - GAP * (columns - 1)) / columns;
        return wide >= LEAST_PX && Math.ceil(count / columns) * (wide / this.aspect + WORDS_PX + GAP) - GAP <= height;
      };
      const columns = Array.from({ length: count }, (_, k) => k + 1).find(fits);
      if (columns) style.gridTemplateColumns = `repeat(${columns}, 1fr)`;
    }
    this.redraw();
  }

  get aspect() {
    const [across, down] = this.model.pitch;
    return Math.min(2.2, Math.max(0.6, (this.model.columns * across) / (this.model.rows * down)));
  }

  lens(tile) {
    return new Lens(this.model, this.view, tile.picture.clientWidth, tile.picture.clientHeight);
  }

  see(entries) {
    for (const entry of entries) {
      const index = this.tiles.findIndex((tile) => tile.button === entry.target);
      if (entry.isIntersecting) this.visible.add(index);
      else this.visible.delete(index);
    }
    this.on.seen();
    this.redraw();
  }

  draw() {
    if (!this.model.scan?.grid) return;
    for (const tile of this.tiles) if (this.visible.has(tile.index)) this.drawTile(tile);
  }

  drawTile(tile) {
    const { view, model, painter } = this;
    const { context, width, height } = fitted(tile.picture);
    const lens = this.lens(tile);
    context.clearRect(0, 0, width, height);
    context.imageSmoothingEnabled = lens.cellWidth < 1;
    lens.draw(context, painter.element(tile.index, view.layer));
    drawCursor(context, lens, view);
    drawScaleBar(context, lens, { size: 10, part: 0.4 });
    const [low, high] = painter.limitsFor(tile.index, view.layer);
    tile.low.textContent = short(low);
    tile.high.textContent = short(high);
    if (tile.strip.dataset.colours !== view.colours) {
      tile.strip.dataset.colours = view.colours;
      drawBar(tile.strip, view.colours);
    }
    tile.button.setAttribute("aria-pressed", String(view.map === model.nameOf(tile.index)));
  }
}
