// The network: the WebAssembly module, and the signals of every step that it has run.
"use strict";
globalThis.expifref ??= {};

const PAGE_BYTES = 65536;
const MOST_HISTORY = 256 * 1024 * 1024;

expifref.bytesOf = (base64) => Uint8Array.from(atob(base64.replace(/\s/g, "")), (letter) => letter.charCodeAt(0));

expifref.Network = class {
  // Compiles `module`, bytes, of the program that `facts` tell of.
  static async load(facts, module) {
    if (typeof WebAssembly === "undefined") {
      throw new Error("This browser must know WebAssembly to run the network, but does not: take a newer one.");
    }
    const { instance } = await WebAssembly.instantiate(module, {});
    return new this(facts, instance.exports);
  }

  constructor(facts, exports) {
    this.facts = facts;
    this.module = exports;
    this.places = [];
    this.values = 0;
    for (const signal of facts.signals) {
      this.places.push(this.values);
      this.values += signal.units;
    }
    this.frame = exports.heap();
    this.trace = this.frame + Math.ceil(facts.input.channels / 8) * 8;
    const end = this.trace + 8 * this.values;
    const missing = end - exports.memory.buffer.byteLength;
    if (missing > 0) {
      exports.memory.grow(Math.ceil(missing / PAGE_BYTES));
    }
    this.begin(1);
  }

  // Goes back to the state before the first step, with room for `steps` steps to look back on.
  begin(steps) {
    const bytes = 8 * steps * this.values;
    if (bytes > MOST_HISTORY) {
      const most = Math.floor(MOST_HISTORY / (8 * this.values));
      throw new Error(`What is played must have at most ${most} steps, since all signals are kept, but has ${steps}: choose a shorter one.`);
    }
    if (this.history === undefined || this.history.byteLength < bytes) {
      this.history = new Int32Array(bytes / 4);
    }
    this.room = steps;
    this.done = 0;
    this.module.reset();
  }

  // Runs one step on `frame`, whose values are bytes, and keeps all of its signals.
  step(frame) {
    if (this.done >= this.room) {
      throw new Error(`No step must follow the last of ${this.room}, but one was asked for: start again.`);
    }
    const memory = this.module.memory.buffer;
    new Uint8Array(memory, this.frame, frame.length).set(frame);
    this.module.run(this.frame, 1, this.trace);
    const words = new Int32Array(memory, this.trace, 2 * this.values);
    this.history.set(words, 2 * this.values * this.done);
    this.done += 1;
  }

  // The value of element `unit` of signal number `signal` in step `step`, of 64 bits; exact up to 53.
  value(step, signal, unit) {
    const place = 2 * (step * this.values + this.places[signal] + unit);
    return this.history[place + 1] * 4294967296 + (this.history[place] >>> 0);
  }

  // Whether element `unit` of signal number `signal` is not 0 in step `step`.
  spikes(step, signal, unit) {
    return this.history[2 * (step * this.values + this.places[signal] + unit)] !== 0;
  }

  // The output of step `step`.
  output(step) {
    const { output, signals } = this.facts;
    return Array.from({ length: signals[output].units }, (_, unit) => this.value(step, output, unit));
  }
};
