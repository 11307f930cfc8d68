// What the scientist chose to look at. It lies in the address, so that a page that is loaded again comes back where it
// was, and in the browser's memory for the next visit to the same scan.

const KINDS = {
  map: { fallback: "", read: String },
  layer: { fallback: "estimate", read: (text) => (text === "error" ? "error" : "estimate") },
  opacity: { fallback: 0.85, read: (text) => Math.min(1, Math.max(0, Number(text) || 0)) },
  inferred: { fallback: "shown", read: String },
  colours: { fallback: "viridis", read: String },
  marks: { fallback: "", read: String },
  rgb: { fallback: "", read: String },
  zoom: { fallback: "", read: String },
  pin: { fallback: "", read: String },
  scale: { fallback: "log", read: String },
  spectrum: { fallback: "sum", read: String },
  percent: { fallback: 0.5, read: (text) => Number(text) || 0 },
  tools: { fallback: "", read: String },
  letters: { fallback: "on", read: String },
};
const PREFIX = "pointillist-view-";

export class View extends EventTarget {
  constructor() {
    super();
    this.limits = new Map();
    for (const [name, kind] of Object.entries(KINDS)) this[name] = kind.fallback;
    this.place = null;
    this.cursor = null;
  }

  /** Come back to where this scan was last looked at. */
  restore(scanId) {
    this.key = PREFIX + scanId;
    const said = location.hash.length > 1 ? location.hash.slice(1) : remembered(this.key);
    for (const [name, text] of new URLSearchParams(said)) {
      if (name in KINDS) this[name] = KINDS[name].read(text);
      else if (name.startsWith("limits.")) this.readLimits(name.slice(7), text);
    }
    const place = this.zoom.split(",").map(Number);
    if (place.length === 3 && place.every(Number.isFinite) && place[0] >= 1) {
      this.place = { factor: place[0], row: place[1], column: place[2] };
    }
  }

  readLimits(key, text) {
    const limits = text.split(",").map(Number);
    if (limits.length === 2 && limits.every(Number.isFinite)) this.limits.set(key, limits);
  }

  set(changes) {
    Object.assign(this, changes);
    this.changed(Object.keys(changes));
  }

  setPlace(place) {
    this.place = place && place.factor > 1.0001 ? place : null;
    this.zoom = this.place ? [place.factor, place.row, place.column].map((v) => +v.toFixed(2)).join(",") : "";
    this.changed(["place"]);
  }

  setLimits(key, limits) {
    if (limits) this.limits.set(key, limits);
    else this.limits.delete(key);
    this.changed(["limits"]);
  }

  get pinned() {
    const [row, column] = this.pin.split(",").map(Number);
    return this.pin && Number.isInteger(row) && Number.isInteger(column) ? { row, column } : null;
  }

  changed(names) {
    this.dispatchEvent(new CustomEvent("change", { detail: new Set(names) }));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.keep(), 200);
  }

  keep() {
    const said = new URLSearchParams();
    for (const [name, kind] of Object.entries(KINDS)) if (this[name] !== kind.fallback) said.set(name, this[name]);
    for (const [key, limits] of this.limits) said.set(`limits.${key}`, limits.map((v) => +v.toPrecision(5)).join(","));
    const text = said.toString();
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
    try {
      localStorage.setItem(this.key, text);
    } catch {
      // a browser that keeps nothing: the address still does
    }
  }
}

function remembered(key) {
  try {
    return localStorage.getItem(key) || "";
  } catch {
    return "";
  }
}
