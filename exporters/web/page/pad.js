// Where a person draws: with a pointer, or with the arrow keys and the space bar.
"use strict";
globalThis.expifref ??= {};

const KEY_STEP = 1 / 24;
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

expifref.Pad = class {
  // Draws with a pen of `radius()`, of a frame of 1, and calls `changed` whenever the strokes are others.
  constructor(canvas, radius, changed) {
    this.canvas = canvas;
    this.radius = radius;
    this.changed = changed;
    this.strokes = [];
    this.pointer = null;
    this.pen = { place: [0.5, 0.5], down: false, used: false };
    canvas.addEventListener("pointerdown", (event) => this.#press(event));
    canvas.addEventListener("pointermove", (event) => this.#drag(event));
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, () => { this.pointer = null; });
    }
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => { this.pen.used = false; this.draw(); });
    this.draw();
  }

  clear() {
    this.strokes = [];
    this.pen.down = false;
    this.#tell();
  }

  draw() {
    const context = expifref.contextOf(this.canvas);
    const [wide, high] = [this.canvas.clientWidth, this.canvas.clientHeight];
    context.clearRect(0, 0, wide, high);
    context.lineCap = context.lineJoin = "round";
    context.strokeStyle = expifref.colour("ink");
    context.lineWidth = 2 * this.radius() * wide;
    for (const stroke of this.strokes) {
      context.beginPath();
      context.moveTo(stroke[0][0] * wide, stroke[0][1] * high);
      // A stroke of one point is a dot.
      stroke.forEach(([x, y]) => context.lineTo(x * wide, y * high));
      context.stroke();
    }
    if (this.pen.used) {
      context.beginPath();
      context.lineWidth = 2;
      context.strokeStyle = context.fillStyle = expifref.colour("accent");
      context.arc(this.pen.place[0] * wide, this.pen.place[1] * high, this.radius() * wide, 0, 2 * Math.PI);
      context.stroke();
      if (this.pen.down) {
        context.fill();
      }
    }
  }

  #tell() {
    this.draw();
    this.changed();
  }

  #placeOf(event) {
    const box = this.canvas.getBoundingClientRect();
    const share = (value, size) => Math.min(1, Math.max(0, value / size));
    return [share(event.clientX - box.left, box.width), share(event.clientY - box.top, box.height)];
  }

  #press(event) {
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.strokes.push([this.#placeOf(event)]);
    this.#tell();
  }

  #drag(event) {
    if (event.pointerId !== this.pointer) {
      return;
    }
    this.strokes.at(-1).push(this.#placeOf(event));
    this.#tell();
  }

  #key(event) {
    if (event.key === " " || event.key === "Enter") {
      this.pen.down = !this.pen.down;
      if (this.pen.down) {
        this.strokes.push([]);
      }
    } else if (event.key in MOVES) {
      this.pen.place = this.pen.place.map((value, axis) => Math.min(1, Math.max(0, value + KEY_STEP * MOVES[event.key][axis])));
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.clear();
    } else {
      return;
    }
    event.preventDefault();
    this.pen.used = true;
    if (this.pen.down) {
      this.strokes.at(-1).push(this.pen.place);
      this.#tell();
    } else {
      this.draw();
    }
  }
};
