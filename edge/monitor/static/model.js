// What the page knows of the scan: its grid, what was measured, and the maps as far as they were sent.

import { bytes, json } from "./api.js";
import { decodeCells, decodeMap } from "./decode.js";

/** One layer of one element. */
class ElementMap {
  constructor(rows, columns) {
    this.values = new Float32Array(rows * columns).fill(NaN);
    this.version = 0;
    this.generation = -1;
    this.isAsked = false;
  }
}

export class Model extends EventTarget {
  constructor() {
    super();
    this.scan = null;
    this.status = null;
    this.maps = new Map();
    this.exposures = 0;
    this.fresh = [];
  }

  get rows() {
    return this.scan.grid.rows;
  }

  get columns() {
    return this.scan.grid.columns;
  }

  get pitch() {
    const pitch = this.scan.grid.pitch_mm;
    return Array.isArray(pitch) ? pitch : [pitch, pitch];
  }

  get elements() {
    return this.scan?.elements ?? [];
  }

  /** As the maps' file calls it: Ca-K, Pb-L. */
  nameOf(index) {
    return this.elements[index].name;
  }

  /** As people read it: Ca K, Pb L. */
  wordsOf(index) {
    const { symbol, line } = this.elements[index];
    return line ? `${symbol} ${line}` : symbol;
  }

  /** Index of the element of a name, or -1. */
  indexOf(name) {
    return this.elements.findIndex((_, index) => this.nameOf(index) === name);
  }

  takeScan(scan) {
    const isOther = !this.scan || !this.scan.grid || scan.scan_id !== this.scan.scan_id || differs(scan, this.scan);
    this.scan = scan;
    if (isOther && scan.grid) {
      this.maps.clear();
      this.measured = new Uint8Array(this.rows * this.columns);
      this.measuredCount = 0;
      this.exposures = 0;
      this.fresh = [];
    }
    this.tell("scan");
  }

  tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }

  async askCells() {
    const cells = decodeCells(await bytes("api/cells"));
    this.measured.fill(0);
    this.measuredCount = 0;
    this.exposures = 0;
    this.takeExposures(cells, false);
  }

  takeExposures({ first, count, cells }, areFresh = true) {
    if (!this.measured) return;
    const now = performance.now();
    for (let i = 0; i < count; i++) {
      const [row0, column0, row1, column1] = cells.subarray(i * 4, i * 4 + 4);
      this.markMeasured(row0, column0, row1, column1);
      if (areFresh) this.fresh.push({ row: (row0 + row1) / 2, column: (column0 + column1) / 2, at: now });
    }
    this.fresh = this.fresh.slice(-400);
    this.exposures = Math.max(this.exposures, first + count);
    this.tell("cells");
  }

  /** Cells of a stroke, which may lead in either direction. */
  markMeasured(row0, column0, row1, column1) {
    for (let row = Math.min(row0, row1); row <= Math.max(row0, row1) && row < this.rows; row++) {
      for (let column = Math.min(column0, column1); column <= Math.max(column0, column1) && column < this.columns; column++) {
        const cell = row * this.columns + column;
        this.measuredCount += 1 - this.measured[cell];
        this.measured[cell] = 1;
      }
    }
  }

  /** The map of an element, asked for once in whole; afterwards its tiles come by themselves. */
  map(index, layer) {
    const key = `${index}/${layer}`;
    if (!this.maps.has(key)) this.maps.set(key, new ElementMap(this.rows, this.columns));
    const map = this.maps.get(key);
    if (!map.isAsked) {
      map.isAsked = true;
      this.askMap(key, map);
    }
    return map;
  }

  async askMap(key, map) {
    try {
      const whole = decodeMap(await bytes(`api/map/${key}`));
      if (whole.rows !== this.rows || whole.columns !== this.columns) return;
      if (map.generation > whole.generation) return;
      map.values = whole.values;
      map.generation = whole.generation;
      map.version += 1;
      this.tell("map", { key });
    } catch {
      setTimeout(() => (map.isAsked = false), 2000);
    }
  }

  /** After a gap in the stream everything that is shown is asked for again. */
  askAgain() {
    for (const map of this.maps.values()) map.isAsked = false;
    this.tell("map", {});
  }

  takeTile(tile) {
    if (!this.scan?.grid || tile.element >= this.elements.length) return;
    if (tile.row + tile.rows > this.rows || tile.column + tile.columns > this.columns) return;
    const key = `${tile.element}/${tile.layer}`;
    const map = this.map(tile.element, tile.layer);
    map.generation = tile.generation;
    for (let row = 0; row < tile.rows; row++) {
      const line = tile.values.subarray(row * tile.columns, (row + 1) * tile.columns);
      map.values.set(line, (tile.row + row) * this.columns + tile.column);
    }
    map.version += 1;
    this.tell("map", { key });
  }

  /** Position on the stage of the centre of a cell. */
  stageOf({ row, column }) {
    const { origin_mm: origin } = this.scan.grid;
    return { x_mm: origin[0] + (column + 0.5) * this.pitch[0], y_mm: origin[1] + (row + 0.5) * this.pitch[1] };
  }

  /** Place on the grid, in cells from its corner, of a position on the stage. */
  cellOf({ x_mm, y_mm }) {
    const { origin_mm: origin } = this.scan.grid;
    return { row: (y_mm - origin[1]) / this.pitch[1] - 0.5, column: (x_mm - origin[0]) / this.pitch[0] - 0.5 };
  }
}

function differs(one, other) {
  const shape = (scan) => JSON.stringify([scan.grid, scan.elements?.map((e) => [e.symbol, e.line])]);
  return shape(one) !== shape(other);
}

export const askScan = () => json("api/scan");
