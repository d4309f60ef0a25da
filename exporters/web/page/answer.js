// The decision so far, as a list of scores.
"use strict";
globalThis.expifref ??= {};

const MOST_ROWS = 40;

expifref.Answer = class {
  // Shows at most so many of `classes` scores in `list`, and the decision in `line`.
  constructor(list, line, classes) {
    this.line = line;
    this.rows = Array.from({ length: Math.min(classes, MOST_ROWS) }, (_, unit) => {
      const row = document.createElement("li");
      const [name, bar, score] = ["span", "span", "span"].map((tag) => document.createElement(tag));
      [name.className, bar.className, score.className] = ["name", "bar", "score"];
      bar.append(document.createElement("span"));
      bar.setAttribute("aria-hidden", "true");
      name.textContent = String(unit);
      row.append(name, bar, score);
      list.append(row);
      return { row, bar: bar.firstChild, score };
    });
  }

  // Returns what is decided, as a sentence.
  show(decision, label, ended) {
    const { scores, winner } = decision;
    const [least, most] = scores === null ? [0, 0] : [Math.min(...scores), Math.max(...scores)];
    this.rows.forEach(({ row, bar, score }, unit) => {
      const value = scores === null ? 0 : scores[unit];
      bar.style.width = `${most > least ? (100 * (value - least)) / (most - least) : 0}%`;
      score.textContent = scores === null ? "" : String(value);
      row.classList.toggle("winner", unit === winner);
    });
    const text = this.#sentence(scores, winner, label, ended);
    this.line.textContent = text;
    return text;
  }

  #sentence(scores, winner, label, ended) {
    if (scores === null) {
      return "No step was run yet.";
    }
    if (winner === null) {
      return "This network decides nothing: its outputs are its answer.";
    }
    const truth = label === null ? "" : label === winner ? ", as the label says" : `, but the label says ${label}`;
    return `${ended ? "Decision" : "Decision so far"}: class ${winner}${truth}.`;
  }
};
