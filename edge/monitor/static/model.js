// What the page knows of the scan: its grid, what was measured, and the maps as far as they were sent.

import { bytes, json } from "./api.js";
import { NOWHERE, decodeStates } from "./decode.js";

/** What is known of a cell: nothing of its own, what the maps are made of, or what only checks them. */
export const INFERRED = 0;
export const MEASURED = 1;
export const HELD = 2;
export const AVERAGED = 3;
/** How much is known of a cell by its state: of more than one exposure the one that says most counts. */
const KNOWN = [INFERRED, HELD, AVERAGED, MEASURED];

/** Whether maps are made of what was seen of a cell in such a state. */
export const areMadeOf = (state) => state === MEASURED || state === AVERAGED;

/** One layer of one element. */
class ElementMap {
  constructor(rows, columns) {
    this.values = new Float32Array(rows * columns).fill(NaN);
    this.version = 0;
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
    if (isOther) this.status = null;
    if (isOther && scan.grid) {
      this.maps.clear();
      this.states = new Uint8Array(this.rows * this.columns);
      this.forgetCells();
      this.fresh = [];
    }
    this.tell("scan");
  }

  forgetCells() {
    this.states.fill(INFERRED);
    this.added = [];
    this.counts = [this.rows * this.columns, 0, 0, 0];
    this.exposures = 0;
  }

  /** Cells that were measured by themselves, and that the maps are made of. */
  get measuredCount() {
    return this.counts[MEASURED];
  }

  /** Cells of which maps know a mean over them and others. */
  get averagedCount() {
    return this.counts[AVERAGED];
  }

  /** Cells that were measured, and kept back to check the maps. */
  get heldCount() {
    return this.counts[HELD];
  }

  tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }

  /** What is known of all cells so far; exposures that the stream brings meanwhile are not among what is answered. */
  async askCells() {
    const meanwhile = [];
    this.meanwhile = meanwhile;
    try {
      this.takeStates(decodeStates(await bytes("api/states"), this.rows * this.columns));
      for (const exposures of meanwhile) this.takeExposures(exposures, false);
    } finally {
      if (this.meanwhile === meanwhile) this.meanwhile = null;
    }
  }

  takeStates({ exposures, states }) {
    this.states = states;
    this.added = [];
    this.counts = [0, 0, 0, 0];
    for (let cell = 0; cell < states.length; cell++) this.counts[states[cell]] += 1;
    this.exposures = exposures;
    this.tell("cells");
  }

  /** Ask again when more are recorded than have come, and the next word of the state finds it so too. */
  takeRecorded(recorded) {
    const isShort = Boolean(this.states) && recorded > this.exposures;
    if (isShort && this.wasShort && !this.meanwhile) this.askCells().catch(() => {});
    this.wasShort = isShort;
  }

  /** Exposures as they come: first their places, and again with values as soon as these are known. */
  takeExposures({ first, count, cells, held, averaged, viewed = [], values = [] }, areFresh = true) {
    if (!this.states) return;
    const now = performance.now();
    if (areFresh) this.meanwhile?.push({ first, count, cells, held, averaged });
    for (let i = 0; i < count; i++) {
      const place = cells.subarray(i * 4, i * 4 + 4);
      if (place[0] === NOWHERE) continue;
      const state = held[i] ? HELD : averaged[i] ? AVERAGED : MEASURED;
      this.eachCell(place, (cell) => this.mark(cell, state));
      viewed.forEach((element, k) => this.showValue(element, place, values[i * viewed.length + k]));
      if (areFresh && first + i >= this.exposures) {
        this.fresh.push({ row: (place[0] + place[2]) / 2, column: (place[1] + place[3]) / 2, at: now });
      }
    }
    this.fresh = this.fresh.slice(-400);
    if (first <= this.exposures) this.exposures = Math.max(this.exposures, first + count);
    this.tell("cells");
  }

  /** A cell that the maps know from one exposure is known, though another one is held out, or saw a mean. */
  mark(cell, state) {
    const before = this.states[cell];
    if (KNOWN.indexOf(state) <= KNOWN.indexOf(before)) return;
    this.counts[before] -= 1;
    this.counts[state] += 1;
    this.states[cell] = state;
    if (areMadeOf(state) && !areMadeOf(before)) this.added.push(cell);
  }

  /** What an exposure found is on its map at once; what it tells of other cells comes with the next parts. */
  showValue(element, place, value) {
    if (!Number.isFinite(value) || element >= this.elements.length) return;
    const map = this.map(element, "estimate");
    this.eachCell(place, (cell) => (map.values[cell] = value));
    map.version += 1;
  }

  /** Cells of a stroke, which may lead in either direction. */
  eachCell([row0, column0, row1, column1], visit) {
    for (let row = Math.min(row0, row1); row <= Math.max(row0, row1) && row < this.rows; row++) {
      for (let column = Math.min(column0, column1); column <= Math.max(column0, column1) && column < this.columns; column++) {
        visit(row * this.columns + column);
      }
    }
  }

  /** The map of an element; its parts come by themselves while it is looked at. */
  map(index, layer) {
    const key = `${index}/${layer}`;
    if (!this.maps.has(key)) this.maps.set(key, new ElementMap(this.rows, this.columns));
    return this.maps.get(key);
  }

  takePart(part) {
    if (!this.scan?.grid || part.element >= this.elements.length) return;
    if (part.row + part.rows > this.rows || part.column + part.columns > this.columns) return;
    const key = `${part.element}/${part.layer}`;
    // Parts of another generation take the place of the old ones one by one: a model made anew knows no less.
    const map = this.map(part.element, part.layer);
    for (let row = 0; row < part.rows; row++) {
      const line = part.values.subarray(row * part.columns, (row + 1) * part.columns);
      map.values.set(line, (part.row + row) * this.columns + part.column);
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
