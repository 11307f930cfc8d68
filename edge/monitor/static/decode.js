// The bytes that the server sends, as numbers. Everything is little endian; docs/reference/monitor-protocol.md says what.

export const EXPOSURES = 1;
export const TILE = 2;
const UNKNOWN = 65535;
const LEVELS = 65534;
const CELL_BYTES = 12;

/** Rectangles of cells, first and last inclusive, and live times, from an offset on. */
function rectangles(view, offset, count) {
  const cells = new Uint16Array(count * 4);
  const live = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const at = offset + i * CELL_BYTES;
    for (let k = 0; k < 4; k++) cells[i * 4 + k] = view.getUint16(at + 2 * k, true);
    live[i] = view.getFloat32(at + 8, true);
  }
  return { cells, live, count };
}

export function decodeCells(buffer) {
  const view = new DataView(buffer);
  return { first: 0, ...rectangles(view, 4, view.getUint32(0, true)) };
}

/** A message of exposures: their cells and, exposure by exposure, a value of each element that is looked at. */
export function decodeExposures(buffer) {
  const view = new DataView(buffer);
  const [n, first, count] = [4, 8, 12].map((at) => view.getUint32(at, true));
  const viewed = new Uint8Array(buffer, 17, view.getUint8(16));
  const at = Math.ceil((17 + viewed.length) / 4) * 4;
  const values = new Float32Array(buffer.slice(at + count * CELL_BYTES));
  return { n, first, viewed, values, ...rectangles(view, at, count) };
}

function spread(codes, low, high) {
  const values = new Float32Array(codes.length);
  const step = (high - low) / LEVELS;
  for (let i = 0; i < codes.length; i++) values[i] = codes[i] === UNKNOWN ? NaN : low + step * codes[i];
  return values;
}

/** A part of a map, packed as differences from one cell to the next. */
export async function decodeTile(buffer) {
  const view = new DataView(buffer);
  const header = {
    element: view.getUint8(1),
    layer: view.getUint8(2) ? "error" : "estimate",
    n: view.getUint32(4, true),
    generation: view.getUint32(8, true),
    row: view.getUint16(12, true),
    column: view.getUint16(14, true),
    rows: view.getUint16(16, true),
    columns: view.getUint16(18, true),
  };
  const [low, high] = [view.getFloat32(20, true), view.getFloat32(24, true)];
  const codes = new Uint16Array(await inflated(new Uint8Array(buffer, 28)));
  for (let i = 1; i < codes.length; i++) codes[i] += codes[i - 1];
  return { ...header, values: spread(codes, low, high) };
}

async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}
