// Colour tables that everybody can read, as 33 points between which is interpolated.
// viridis: S. van der Walt and N. Smith, 2015, public domain (CC0). cividis: J. Nuñez, C. Anderton and R. Renslow,
// PLoS ONE 13 (2018) e0199239, put into the public domain for plotting libraries.

const POINTS = {
  viridis:
    "440154470d6048186a482374472d7b4537814240863e49893b528b375b8d33638d2f6b8e2c728e297a8e26828e23898e21918c1f988b1fa088" +
    "22a78528ae8032b67a3fbc734ec36b5ec96270cf5784d44b98d83eaddc30c2df23d8e219ece51bfde725",
  cividis:
    "00224e00285b002e6a0533711a386f273e6e32436d3b496c434e6c4b546c535a6d5a5f6e61656f686a716f70737676767d7c78848279" +
    "8c8878938e789b9476a39a74aba072b4a76fbcae6cc4b468cdbb63d5c25edec958e7d150f0d846f9e03afee838",
  grey: "000000ffffff",
};

export const COLOURS = Object.keys(POINTS);
const LEVELS = 256;
const tables = new Map();

/** Red, green and blue of 256 levels, one after the other. */
export function tableOf(name) {
  if (!tables.has(name)) tables.set(name, interpolated(POINTS[name]));
  return tables.get(name);
}

function interpolated(points) {
  const count = points.length / 6;
  const channel = (point, which) => parseInt(points.substr(point * 6 + which * 2, 2), 16);
  const table = new Uint8Array(LEVELS * 3);
  for (let level = 0; level < LEVELS; level++) {
    const place = (level / (LEVELS - 1)) * (count - 1);
    const before = Math.min(Math.floor(place), count - 2);
    for (let which = 0; which < 3; which++) {
      const [low, high] = [channel(before, which), channel(before + 1, which)];
      table[level * 3 + which] = Math.round(low + (high - low) * (place - before));
    }
  }
  return table;
}

/** The same levels as pixels of a canvas; faded ones are drawn half grey and half transparent. */
export function pixelsOf(name, isFaded = false) {
  const table = tableOf(name);
  const pixels = new Uint8ClampedArray(LEVELS * 4);
  for (let level = 0; level < LEVELS; level++) {
    const [red, green, blue] = table.subarray(level * 3, level * 3 + 3);
    const grey = 0.3 * red + 0.59 * green + 0.11 * blue;
    const mixed = (value) => (isFaded ? 0.3 * value + 0.7 * grey : value);
    pixels.set([mixed(red), mixed(green), mixed(blue), isFaded ? 150 : 255], level * 4);
  }
  return new Uint32Array(pixels.buffer);
}

/** Draw a table from its first to its last level across a canvas of 256 x 1. */
export function drawBar(canvas, name) {
  canvas.width = LEVELS;
  canvas.height = 1;
  const image = new ImageData(LEVELS, 1);
  new Uint32Array(image.data.buffer).set(pixelsOf(name));
  canvas.getContext("2d").putImageData(image, 0, 0);
}
