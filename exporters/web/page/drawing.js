// From strokes to the pixels of a picture, as the training data has them: a fine bitmap of which each pixel
// of the network counts a block of 4 x 4.
"use strict";
globalThis.expifref ??= {};

const BLOCK = 4;
const SMALL_SIDE = 20;
const THICKNESS = [0.04, 0.15]; // of the frame, the radius of the thinnest and of the thickest pen
const HALVINGS = 7;

// How the common data sets of digits were made. In the small ones (8 x 8) a digit is as high as the frame, at
// most 6 pixels wide, and covers 30 % of it, whichever it is. In the larger ones (28 x 28) it keeps its shape
// in the 20 x 20 pixels in the middle, and its centre of mass is theirs.
expifref.styleOf = (side) =>
  side < SMALL_SIDE
    ? { wide: 6 / 8, high: 1, keepsShape: false, radius: 0.08, ink: 0.305, byMass: false }
    : { wide: 20 / 28, high: 20 / 28, keepsShape: true, radius: 0.045, ink: null, byMass: true };

const boxOf = (points) => {
  const axis = (which) => points.map((point) => point[which]);
  return [0, 1].map((which) => [Math.min(...axis(which)), Math.max(...axis(which))]);
};

// `strokes`, lists of points from 0 to 1, moved and scaled so that a pen of this radius fills with them what
// `style` says of the frame.
const fitted = (strokes, style, radius) => {
  const [wide, high] = boxOf(strokes.flat());
  // A dot has no size, and a line no width: they must not be blown up.
  const scaleTo = (share, [least, most]) => (most - least > 0.05 ? (share - 2 * radius) / (most - least) : Infinity);
  const [across, down] = [scaleTo(style.wide, wide), scaleTo(style.high, high)];
  const scales = style.keepsShape ? [Math.min(across, down), Math.min(across, down)] : [Math.min(across, down), down];
  const [right, below] = scales.map((scale) => (scale === Infinity ? 1 : scale));
  const place = (value, [least, most], scale) => 0.5 + scale * (value - (least + most) / 2);
  return strokes.map((stroke) => stroke.map(([x, y]) => [place(x, wide, right), place(y, high, below)]));
};

const squaredDistance = (x, y, [ax, ay], [bx, by]) => {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / length));
  return (x - ax - along * dx) ** 2 + (y - ay - along * dy) ** 2;
};

// A byte for each place of a bitmap of `size` x `size`: 1 where it is within the pen's radius of a stroke.
const bitmapOf = (strokes, size, radius) => {
  const bitmap = new Uint8Array(size * size);
  const limit = (value) => Math.min(size, Math.max(0, value));
  for (const stroke of strokes) {
    stroke.forEach((point, index) => {
      const before = stroke[Math.max(0, index - 1)];
      const [wide, high] = boxOf([before, point]).map(([least, most]) => [
        limit(Math.floor((least - radius) * size)), limit(Math.ceil((most + radius) * size)),
      ]);
      for (let row = high[0]; row < high[1]; row += 1) {
        for (let column = wide[0]; column < wide[1]; column += 1) {
          const [x, y] = [(column + 0.5) / size, (row + 0.5) / size];
          if (squaredDistance(x, y, before, point) <= radius * radius) {
            bitmap[row * size + column] = 1;
          }
        }
      }
    });
  }
  return bitmap;
};

// How far a bitmap must be moved, down and to the right, so that its centre of mass is in the middle.
const offCentre = (bitmap, size) => {
  let [count, rows, columns] = [0, 0, 0];
  bitmap.forEach((bit, place) => {
    count += bit;
    rows += bit * (Math.floor(place / size) + 0.5);
    columns += bit * ((place % size) + 0.5);
  });
  return count === 0 ? [0, 0] : [rows, columns].map((sum) => Math.round(size / 2 - sum / count));
};

const inkOf = (bitmap) => bitmap.reduce((sum, bit) => sum + bit, 0) / bitmap.length;

// A bitmap of `strokes` that fill the frame, by the pen that covers as much of it as `style` says.
const filled = (strokes, size, style) => {
  const drawn = (radius) => bitmapOf(fitted(strokes, style, radius), size, radius);
  if (style.ink === null) {
    return drawn(style.radius);
  }
  let [thin, thick] = THICKNESS;
  for (let half = 0; half < HALVINGS; half += 1) {
    const middle = (thin + thick) / 2;
    if (inkOf(drawn(middle)) < style.ink) {
      thin = middle;
    } else {
      thick = middle;
    }
  }
  return drawn(thin);
};

// The pixels of `strokes`, a Float32Array `[side * side]` of numbers from 0 to 1. `fit` fills the frame.
expifref.pixelsOf = (strokes, side, fit) => {
  const pixels = new Float32Array(side * side);
  const drawn = strokes.filter((stroke) => stroke.length > 0);
  if (drawn.length === 0) {
    return pixels;
  }
  const style = expifref.styleOf(side);
  const size = BLOCK * side;
  const bitmap = fit ? filled(drawn, size, style) : bitmapOf(drawn, size, style.radius);
  const [down, right] = fit && style.byMass ? offCentre(bitmap, size) : [0, 0];
  bitmap.forEach((bit, place) => {
    const [row, column] = [Math.floor(place / size) + down, (place % size) + right];
    if (bit === 1 && Math.min(row, column) >= 0 && Math.max(row, column) < size) {
      pixels[Math.floor(row / BLOCK) * side + Math.floor(column / BLOCK)] += 1 / (BLOCK * BLOCK);
    }
  });
  return pixels;
};
