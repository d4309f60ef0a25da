"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const pictures = read("pictures");
  const traces = read("traces");
  const root = document.documentElement;
  const roots = [];

  // Light or dark: what the reader chose, else what the system says.

  const system = window.matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;

  const dark = () => chosen ?? system.matches;

  const INK = [
    "axis_label_text_color", "major_label_text_color", "label_text_color", "title_text_color", "text_color",
    "axis_line_color", "major_tick_line_color", "minor_tick_line_color", "group_text_color",
  ];

  const paint = (model, ink) => {
    if (!model) return;
    for (const name of INK) {
      // A renderer has no ink of its own; what it draws has, where that is text.
      if (name in model.properties) model[name] = ink;
    }
  };

  const paintPlot = (plot, ink) => {
    for (const child of plot.children ?? []) paintPlot(Array.isArray(child) ? child[0] : child, ink);
    if (!plot.renderers) return;
    for (const side of ["above", "below", "left", "right", "center"]) {
      for (const part of plot[side]) {
        paint(part, ink);
        if ("grid_line_color" in part.properties) part.grid_line_color = ink;
      }
    }
    for (const renderer of plot.renderers) {
      for (const glyph of [renderer.glyph, renderer.muted_glyph, renderer.nonselection_glyph]) {
        if (glyph && glyph.properties && "text_color" in glyph.properties) glyph.text_color = ink;
      }
    }
  };

  const theme = () => {
    root.dataset.theme = dark() ? "dark" : "light";
    const ink = getComputedStyle(root).getPropertyValue("--ink").trim();
    for (const plot of roots) paintPlot(plot, ink);
  };

  document.getElementById("theme").addEventListener("click", () => {
    chosen = !dark();
    theme();
  });
  system.addEventListener("change", theme);

  // The traces: one sample, layer, neuron and step of them.

  const choice = { sample: 0, layer: 0, neuron: 0, step: 0 };

  const find = (name) => {
    for (const plot of roots) {
      const found = plot.document.get_model_by_name(name);
      if (found) return found;
    }
    throw new Error(`the page must have a part called ${name}`);
  };

  const put = (name, x, y) => { find(name).data = { x, y }; };

  const options = (id, texts, selected) => {
    const select = document.getElementById(id);
    select.replaceChildren(...texts.map((text, index) => new Option(text, String(index))));
    select.value = String(selected);
  };

  const number = (value) => Number(value.toPrecision(5)).toString();

  const showSpikes = (layer) => {
    const points = { float: [[], []], integer: [[], []], differs: [[], []] };
    const add = (name, step, neuron) => {
      points[name][0].push(step * traces.dt_ms);
      points[name][1].push(neuron);
    };
    layer.neurons.forEach((neuron, index) => {
      if (!layer.spikes) return;
      const [real, integer] = ["float", "integer"].map((side) => new Set(layer.spikes[side][choice.sample][index]));
      real.forEach((step) => add("float", step, neuron));
      integer.forEach((step) => add("integer", step, neuron));
      new Set([...real, ...integer]).forEach((step) => {
        if (real.has(step) !== integer.has(step)) add("differs", step, neuron);
      });
    });
    for (const [name, [x, y]] of Object.entries(points)) put(`raster-${name}`, x, y);
    return points;
  };

  const showLines = (layer) => {
    for (const key of ["value", "drive"]) {
      for (const side of ["float", "integer"]) {
        const y = layer[key] ? layer[key][side][choice.sample][choice.neuron] : [];
        put(`${key}-${side}`, y.map((_, step) => step * traces.dt_ms), y);
      }
    }
    find("value").left[0].axis_label = layer.spikes ? "membrane (mV)" : "value";
    find("drive").visible = Boolean(layer.drive);
  };

  const markStep = () => {
    for (const plot of roots) {
      const models = plot.select ? [plot, ...(plot.children ?? [])] : [plot];
      for (const one of models.flatMap((model) => model.center ?? [])) {
        if (one.tags?.includes("step")) one.location = choice.step * traces.dt_ms;
      }
    }
  };

  const say = (layer, points) => {
    const neuron = layer.neurons[choice.neuron];
    const said = [];
    if (layer.spikes) {
      const [real, integer, differs] = ["float", "integer", "differs"].map((name) => points[name][0].length);
      said.push(`Sample ${traces.samples[choice.sample]}, ${layer.name}: ${real} spikes in float, ${integer} in the program, ${differs} on one side only.`);
    } else {
      said.push(`Sample ${traces.samples[choice.sample]}, ${layer.name}.`);
    }
    const told = (key) => ["float", "integer"].map((side) => number(layer[key][side][choice.sample][choice.neuron][choice.step]));
    const [real, integer] = told("value");
    said.push(`Step ${choice.step}, unit ${neuron}: ${layer.spikes ? "membrane " : "value "}${real} in float, ${integer} in the program`);
    if (layer.drive) {
      const [a, b] = told("drive");
      said.push(`and drive ${a} and ${b}`);
    }
    const spikes = (side) => layer.spikes && layer.spikes[side][choice.sample][choice.neuron].includes(choice.step);
    const sides = [spikes("float") && "float", spikes("integer") && "the program"].filter(Boolean);
    document.getElementById("said").textContent = `${said.join(" ")}${sides.length ? `; it spikes in ${sides.join(" and ")}` : ""}.`;
  };

  const show = () => {
    const layer = traces.layers[choice.layer];
    const points = showSpikes(layer);
    showLines(layer);
    markStep();
    say(layer, points);
  };

  const fillNeurons = () => {
    const layer = traces.layers[choice.layer];
    choice.neuron = Math.min(choice.neuron, layer.neurons.length - 1);
    options("neuron", layer.neurons.map(String), choice.neuron);
  };

  const begin = () => {
    const first = read("report").first_divergence;
    if (first) {
      choice.sample = traces.samples.indexOf(first.sample);
      choice.layer = traces.layers.findIndex((layer) => layer.name === first.layer);
      choice.neuron = traces.layers[choice.layer].neurons.indexOf(first.neuron);
      choice.step = Math.min(first.step, traces.steps - 1);
    }
    const labels = traces.labels;
    options("sample", traces.samples.map((one, index) => labels ? `${one} (label ${labels[index]})` : String(one)), choice.sample);
    options("layer", traces.layers.map((layer) => layer.name), choice.layer);
    fillNeurons();
    const step = document.getElementById("step");
    step.max = String(traces.steps - 1);
    step.value = String(choice.step);
    for (const id of Object.keys(choice)) {
      document.getElementById(id).addEventListener("input", (event) => {
        choice[id] = Number(event.target.value);
        if (id === "layer") fillNeurons();
        show();
      });
    }
    document.getElementById("choices").addEventListener("submit", (event) => event.preventDefault());
    show();
  };

  const start = async () => {
    for (const item of Object.values(pictures)) {
      const views = await Bokeh.embed.embed_item(item);
      for (const view of views.roots ?? views) roots.push(view.model);
    }
    theme();
    if (traces && document.getElementById("choices")) begin();
    root.dataset.ready = "yes";
  };

  theme();
  start();
})();
