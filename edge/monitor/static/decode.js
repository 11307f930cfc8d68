// The bytes that the server sends, as numbers. Everything is little endian; docs/reference/monitor-protocol.md says what.

export const EXPOSURES = 1;
export const PARTS = 2;
const CELL_BYTES = 16;
/** Row and column of an exposure that tells nothing of any cell. */
export const NOWHERE = 65535;
const MESSAGE_BYTES = 12;
const PART_BYTES = 24;
const PART_STEPS = 4094;

/** Rectangles of cells, first and last inclusive, whether each is held out of the maps, and is a mean, from an offset on. */
function rectangles(view, offset, count) {
  const cells = new Uint16Array(count * 4);
  const [held, averaged] = [new Uint8Array(count), new Uint8Array(count)];
  for (let i = 0; i < count; i++) {
    const at = offset + i * CELL_BYTES;
    for (let k = 0; k < 4; k++) cells[i * 4 + k] = view.getUint16(at + 2 * k, true);
    held[i] = view.getUint16(at + 12, true);
    averaged[i] = view.getUint16(at + 14, true);
  }
  return { cells, held, averaged, count };
}

/** How many exposures there were, and what is known of each cell, two bits each. */
export function decodeStates(buffer, cells) {
  const packed = new Uint8Array(buffer, 4);
  const states = new Uint8Array(cells);
  for (let cell = 0; cell < cells; cell++) states[cell] = (packed[cell >> 2] >> (2 * (cell & 3))) & 3;
  return { exposures: new DataView(buffer).getUint32(0, true), states };
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

/** A message of parts of maps, each unpacked. */
export async function decodeParts(buffer) {
  const view = new DataView(buffer);
  const [count, n, generation] = [view.getUint16(2, true), view.getUint32(4, true), view.getUint32(8, true)];
  const parts = [];
  for (let i = 0, at = MESSAGE_BYTES; i < count; i++) {
    const end = at + PART_BYTES + view.getUint32(at + 4, true);
    parts.push(decodePart(view, at, end));
    at = end;
  }
  return { n, generation, parts: await Promise.all(parts) };
}

async function decodePart(view, at, end) {
  const [row, column, rows, columns] = [8, 10, 12, 14].map((offset) => view.getUint16(at + offset, true));
  const [low, high] = [view.getFloat32(at + 16, true), view.getFloat32(at + 20, true)];
  const planes = await inflated(new Uint8Array(view.buffer, at + PART_BYTES, end - at - PART_BYTES));
  return {
    element: view.getUint8(at),
    layer: view.getUint8(at + 1) ? "error" : "estimate",
    ...{ row, column, rows, columns },
    values: spread(planes, low, (high - low) / PART_STEPS),
  };
}

/** Values of cells, from the low bytes and the high bytes of how their codes differ from one to the next. */
function spread(planes, low, step) {
  const count = planes.length / 2;
  const values = new Float32Array(count);
  for (let i = 0, code = 0; i < count; i++) {
    const numbered = planes[i] | (planes[count + i] << 8);
    code += (numbered >> 1) ^ -(numbered & 1);
    values[i] = code ? low + step * (code - 1) : NaN;
  }
  return values;
}

async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
