// Time: the steps of an input go through the network one by one, at a chosen speed.
"use strict";
globalThis.expifref ??= {};

const SLICE_MS = 12; // of a picture's 16, so that the page stays quick to answer
const PACE_MS = 500;

expifref.Player = class {
  // Calls `shown` after steps have been run, and `paused` when playing ends.
  constructor(network, { shown, paused }) {
    this.network = network;
    this.shown = shown;
    this.paused = paused;
    this.decision = new expifref.Decision(network.facts.decision);
    this.input = null;
    this.rate = 25;
    this.playing = false;
    this.pace = null;
  }

  // Takes another input: `frames`, bytes for each step and input; of the `steps`, `counted` decide.
  load(input) {
    this.network.begin(input.steps);
    this.input = input;
    this.begin();
  }

  begin() {
    this.network.begin(this.input.steps);
    this.decision.begin();
    this.shown();
  }

  get done() {
    return this.network.done;
  }

  get ended() {
    return this.input === null || this.done >= this.input.steps;
  }

  // Runs one step and shows nothing.
  #step() {
    const { frames, counted } = this.input;
    const { channels } = this.network.facts.input;
    const now = this.done;
    this.network.step(frames.subarray(now * channels, (now + 1) * channels));
    if (now < counted) {
      this.decision.add(this.network.output(now));
    }
  }

  step() {
    if (!this.ended) {
      this.#step();
      this.shown();
    }
  }

  finish() {
    while (!this.ended) {
      this.#step();
    }
    this.shown();
  }

  // Plays on from here, or from the start where it had ended; at `Infinity` again and again.
  play() {
    if (this.playing || this.input === null) {
      return;
    }
    if (this.ended) {
      this.begin();
    }
    this.playing = true;
    this.owed = 1;
    this.last = performance.now();
    this.measured = { since: this.last, steps: 0 };
    this.request = requestAnimationFrame(() => this.#frame());
  }

  pause() {
    if (this.playing) {
      this.playing = false;
      this.pace = null;
      cancelAnimationFrame(this.request);
      this.shown();
      this.paused();
    }
  }

  #frame() {
    const start = performance.now();
    const forever = this.rate === Infinity;
    this.owed = forever ? Infinity : this.owed + ((start - this.last) * this.rate) / 1000;
    this.last = start;
    while (this.owed >= 1 && performance.now() - start < SLICE_MS) {
      if (this.ended && forever) {
        this.network.begin(this.input.steps);
        this.decision.begin();
      } else if (this.ended) {
        break;
      }
      this.#step();
      this.measured.steps += 1;
      this.owed -= 1;
    }
    // What was not reached in time is not made up for.
    this.owed = Math.min(this.owed, this.rate);
    this.#measure();
    this.shown();
    if (this.ended && !forever) {
      this.pause();
    } else {
      this.request = requestAnimationFrame(() => this.#frame());
    }
  }

  #measure() {
    const now = performance.now();
    const passed = now - this.measured.since;
    if (passed >= PACE_MS) {
      this.pace = (1000 * this.measured.steps) / passed;
      this.measured = { since: now, steps: 0 };
    }
  }
};
