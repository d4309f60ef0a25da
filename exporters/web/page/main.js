// The page: what is on it, and what follows when something is touched.
"use strict";
globalThis.expifref ??= {};

const SHOWN_RADIUS = 0.035; // of a pen whose strokes are going to be scaled

const at = (id) => document.getElementById(id);

const complain = (error) => {
  at("error").textContent = error instanceof Error ? error.message : String(error);
  at("error").hidden = false;
};

// What goes wrong is said on the page, and what was there before stays.
const guarded = (action) => async (...given) => {
  at("error").hidden = true;
  try {
    await action(...given);
  } catch (error) {
    complain(error);
  }
};

// A sample that came with the page, with its frames as bytes, a row for each step.
const unpacked = (sample, port) => {
  const bytes = expifref.bytesOf(sample.frames);
  const spikes = port.least === 0 && port.largest === 1;
  const value = (place) => (spikes ? (bytes[place >> 3] >> (place & 7)) & 1 : bytes[place]);
  const size = sample.steps * port.channels;
  const frames = Uint8Array.from({ length: size }, (_, place) => value(sample.held ? place % port.channels : place));
  return { ...sample, frames };
};

const aboutText = (facts) => {
  const sizes = facts.layers.map((layer) => `${layer.name} of ${layer.units}`).join(", ");
  const rule = expifref.RULE_TEXTS[facts.decision];
  return `${facts.input.channels} inputs; layers: ${sizes}. A sample lasts ${facts.steps} steps of ${facts.milliseconds} ms. ` +
    `The answer is ${rule}.`;
};

expifref.View = class {
  constructor(network) {
    const { facts } = network;
    this.network = network;
    this.samples = (expifref.samples ?? []).map((sample) => unpacked(sample, facts.input));
    this.player = new expifref.Player(network, { shown: () => this.show(), paused: () => this.say() });
    this.answer = new expifref.Answer(at("scores"), at("decision"), facts.signals[facts.output].units);
    this.rasters = facts.layers.filter((layer) => layer.spikes !== null).map((layer) => ({
      raster: new expifref.Raster(...this.#figure(layer), `Spikes of ${layer.name}`),
      strength: (step, unit) => Number(network.spikes(step, layer.spikes, unit)),
    }));
    at("about").textContent = aboutText(facts);
    this.#offerInputs(facts.input);
    this.#offerSignals(facts);
    this.#listen();
  }

  // A picture for a layer: its canvas and its number of units.
  #figure(layer) {
    const figure = at("raster").content.firstElementChild.cloneNode(true);
    const canvas = figure.querySelector("canvas");
    canvas.style.height = `${Math.min(320, Math.max(60, 2 * layer.units))}px`;
    at("rasters").append(figure);
    return [canvas, layer.units];
  }

  #offerInputs(port) {
    at("drawing").hidden = port.side === null;
    if (port.side === null) {
      this.inputRaster = new expifref.Raster(at("seen"), port.channels, "Input that is not 0");
      at("seen").classList.add("wide");
    } else {
      const radius = () => (at("fit").checked ? SHOWN_RADIUS : expifref.styleOf(port.side).radius);
      this.pad = new expifref.Pad(at("pad"), radius, guarded(() => this.#takeDrawing()));
    }
    this.#listSamples();
  }

  #listSamples() {
    at("sample").replaceChildren(...this.samples.map((sample, index) => {
      const label = sample.label === null ? "" : `, class ${sample.label}`;
      return new Option(`${sample.name}${label}`, String(index));
    }));
    at("samples").hidden = this.samples.length === 0;
  }

  #offerSignals(facts) {
    at("signal").replaceChildren(...facts.signals.map((signal, index) => new Option(signal.name, String(index))));
    const membrane = facts.signals.findIndex((signal) => signal.name.endsWith(".membrane"));
    at("signal").value = String(Math.max(0, membrane));
    this.#limitNeuron();
  }

  #limitNeuron() {
    const { units } = this.network.facts.signals[Number(at("signal").value)];
    at("neuron").max = String(units - 1);
    at("neuron").value = String(Math.min(units - 1, Math.max(0, Math.floor(Number(at("neuron").value)) || 0)));
  }

  #listen() {
    const { player } = this;
    const on = (id, event, action) => at(id).addEventListener(event, guarded(action));
    on("sample", "change", () => this.take(this.samples[Number(at("sample").value)]));
    on("file", "change", () => this.#takeFile());
    on("clear", "click", () => this.pad.clear());
    on("fit", "change", () => { this.pad.draw(); this.#takeDrawing(); });
    on("play", "click", () => (player.playing ? player.pause() : player.play()));
    on("step", "click", () => { player.pause(); player.step(); this.say(); });
    on("begin", "click", () => { player.pause(); player.begin(); });
    on("finish", "click", () => { player.pause(); player.finish(); this.say(); });
    on("speed", "change", () => { player.rate = Number(at("speed").value); });
    on("signal", "change", () => { this.#limitNeuron(); this.show(); });
    on("neuron", "change", () => { this.#limitNeuron(); this.show(); });
    const again = () => { this.#forget(); this.pad?.draw(); this.show(); };
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
    addEventListener("resize", again);
    player.rate = Number(at("speed").value);
  }

  // Goes to the start of `input`.
  take(input) {
    this.player.pause();
    this.#forget();
    this.player.load(input);
    at("sample").selectedIndex = this.samples.indexOf(input);
  }

  #takeDrawing() {
    const { encoder, steps, input } = this.network.facts;
    const pixels = expifref.pixelsOf(this.pad.strokes, input.side, at("fit").checked);
    const frames = expifref.encode(encoder, pixels, steps, 0, 0);
    this.take({ name: "the drawing", label: null, steps, counted: steps, frames });
    this.player.finish();
    this.say();
  }

  async #takeFile() {
    const [file] = at("file").files;
    if (file === undefined) {
      return;
    }
    const found = expifref.readNpy(new Uint8Array(await file.arrayBuffer()), this.network.facts.input);
    this.samples = [...this.samples.filter((sample) => !sample.ofFile), ...found];
    this.#listSamples();
    this.take(found[0]);
  }

  #forget() {
    this.rasters.forEach(({ raster }) => raster.forget());
    this.inputRaster?.forget();
  }

  // Draws all pictures as things stand.
  show() {
    const { player, network } = this;
    const { input, done } = player;
    at("play").textContent = player.playing ? "Pause" : "Play";
    if (input === null) {
      return;
    }
    at("clock").textContent = `Step ${done} of ${input.steps}`;
    at("pace").textContent = player.pace === null ? "" : `${Math.round(player.pace).toLocaleString("en")} steps a second`;
    this.#showInput(input, done);
    for (const { raster, strength } of this.rasters) {
      const text = raster.draw(input.steps, done, strength);
      raster.canvas.nextElementSibling.textContent = text;
    }
    const [signal, unit] = [Number(at("signal").value), Number(at("neuron").value)];
    const course = Array.from({ length: done }, (_, step) => network.value(step, signal, unit));
    const { name, format } = network.facts.signals[signal];
    const words = expifref.drawCourse(at("course"), course, input.steps, `${name} of neuron ${unit}`);
    at("words").textContent = format === "" ? words : `${words} (an integer, ${format})`;
    this.said = this.answer.show(player.decision, input.label, player.ended);
  }

  #showInput(input, done) {
    const { channels, largest, least, side } = this.network.facts.input;
    const most = Math.max(largest, -least);
    const now = Math.max(0, done - 1);
    const signed = (place) => (least < 0 ? (input.frames[place] << 24) >> 24 : input.frames[place]);
    if (side === null) {
      const text = this.inputRaster.draw(input.steps, done, (step, unit) => Math.abs(signed(step * channels + unit)) / most);
      at("seen-words").textContent = text;
      return;
    }
    const frame = input.frames.subarray(now * channels, (now + 1) * channels);
    expifref.drawPixels(at("seen"), frame, side, most);
    const text = `Input of step ${now + 1}, ${input.name}: ${frame.filter((value) => value !== 0).length} of ${channels} pixels are not 0`;
    at("seen").setAttribute("aria-label", text);
    at("seen-words").textContent = text;
  }

  // Tells those who do not see the page; not at every step, which nobody could listen to.
  say() {
    at("said").textContent = this.said ?? "";
  }
};

guarded(async () => {
  if (expifref.program === undefined || expifref.module === undefined) {
    throw new Error("The page must lie beside its program.js, but that is not there or damaged: export the folder again.");
  }
  const network = await expifref.Network.load(expifref.program, expifref.bytesOf(expifref.module));
  expifref.view = new expifref.View(network);
  at("main").hidden = false;
  const [first] = expifref.view.samples;
  const { channels } = network.facts.input;
  const { steps } = network.facts;
  expifref.view.take(first ?? { name: "silence", label: null, steps, counted: steps, frames: new Uint8Array(steps * channels) });
  expifref.view.player.finish();
})();
