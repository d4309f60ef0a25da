// Pictures of what a network does, each on a canvas, and each said in words beside it.
"use strict";
globalThis.expifref ??= {};

// A colour of style.css, which has them for light and for dark.
expifref.colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// What draws on `canvas` in the pixels of the page, as sharp as the screen is.
expifref.contextOf = (canvas) => {
  const [wide, high] = [canvas.clientWidth, canvas.clientHeight].map((size) => Math.round(size * devicePixelRatio));
  if (canvas.width !== wide || canvas.height !== high) {
    [canvas.width, canvas.height] = [wide, high];
  }
  const context = canvas.getContext("2d");
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  return context;
};

const cleared = (canvas) => {
  const context = expifref.contextOf(canvas);
  context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  return context;
};

// `values` as `side` x `side` pixels; `largest` is the darkest, or the lightest where the page is dark.
expifref.drawPixels = (canvas, values, side, largest) => {
  const context = cleared(canvas);
  const size = canvas.clientWidth / side;
  context.fillStyle = expifref.colour("ink");
  values.forEach((value, place) => {
    context.globalAlpha = Math.min(1, Math.abs(value) / largest);
    context.fillRect((place % side) * size, Math.floor(place / side) * size, size + 0.5, size + 0.5);
  });
  context.globalAlpha = 1;
};

// Marks over time: a row for each unit, a column for each step. Only steps that are new are drawn.
expifref.Raster = class {
  constructor(canvas, units, name) {
    this.canvas = canvas;
    this.units = units;
    this.name = name;
    this.forget();
  }

  forget() {
    this.drawn = 0;
    this.count = 0;
  }

  // `strength(step, unit)` is 0 for no mark, and 1 for the strongest.
  draw(steps, done, strength) {
    const fresh = done < this.drawn || this.drawn === 0;
    const context = fresh ? cleared(this.canvas) : expifref.contextOf(this.canvas);
    if (fresh) {
      this.forget();
    }
    const [wide, high] = [this.canvas.clientWidth / steps, this.canvas.clientHeight / this.units];
    const size = [Math.max(1, 0.85 * wide), Math.max(1, high)];
    context.fillStyle = expifref.colour("accent");
    for (let step = this.drawn; step < done; step += 1) {
      for (let unit = 0; unit < this.units; unit += 1) {
        const found = strength(step, unit);
        if (found > 0) {
          this.count += 1;
          context.globalAlpha = found;
          context.fillRect(step * wide, unit * high, ...size);
        }
      }
    }
    context.globalAlpha = 1;
    this.drawn = done;
    const text = `${this.name}: ${this.count} in ${done} steps`;
    this.canvas.setAttribute("aria-label", text);
    return text;
  }
};

// Not by the spread of `Math.min`, which fails for the many steps that a small network may keep.
const rangeOf = (values) => values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity]);

// The course of one value over `steps` steps, of which `values` are known.
expifref.drawCourse = (canvas, values, steps, name) => {
  const context = cleared(canvas);
  const [least, most] = rangeOf(values);
  const [wide, high] = [canvas.clientWidth, canvas.clientHeight];
  const across = (step) => (wide * (step + 0.5)) / steps;
  const up = (value) => high - 8 - ((high - 16) * (value - least)) / Math.max(1, most - least);
  context.strokeStyle = context.fillStyle = expifref.colour("accent");
  context.lineWidth = 2;
  context.beginPath();
  values.forEach((value, step) => context.lineTo(across(step), up(value)));
  context.stroke();
  if (values.length > 0) {
    context.beginPath();
    context.arc(across(values.length - 1), up(values.at(-1)), 3, 0, 2 * Math.PI);
    context.fill();
  }
  const text = values.length === 0 ? `${name}: no step was run` : `${name}: ${values.at(-1)} now, from ${least} to ${most} so far`;
  canvas.setAttribute("aria-label", text);
  return text;
};
