// From the outputs of the steps so far to scores and a class (the rules: docs of expifref, "decision").
"use strict";
globalThis.expifref ??= {};

const RULES = {
  "sum": (before, output) => output.map((value, unit) => (before === null ? 0 : before[unit]) + value),
  "last": (_before, output) => output,
  "maximum": (before, output) => output.map((value, unit) => (before === null ? value : Math.max(before[unit], value))),
  "per-step": (_before, output) => output,
  "none": (_before, output) => output,
};

expifref.RULE_TEXTS = {
  "sum": "the largest sum of outputs over the steps",
  "last": "the largest output in the last step",
  "maximum": "the largest output in any step",
  "per-step": "the largest output, in each step anew",
  "none": "the outputs themselves",
};

expifref.Decision = class {
  constructor(rule) {
    this.rule = rule;
    this.begin();
  }

  begin() {
    this.scores = null;
  }

  // Takes the output of the next step that counts.
  add(output) {
    this.scores = RULES[this.rule](this.scores, output);
  }

  // The class, of equal scores the first; null where none is to be decided, or no step was run.
  get winner() {
    if (this.scores === null || this.rule === "none") {
      return null;
    }
    return this.scores.indexOf(Math.max(...this.scores));
  }
};
