/* What a visitor draws: strokes of discs on a square lattice. They make the arrays of a problem,
   and Python code of the same problem. */
(function () {
  "use strict";

  const DECAY = 0.001; // between the cells, as in the training of both surrogates
  /* Maxima of saturating uptake over the rates of proportional uptake, and the constant K. */
  const SATURATING = { factor: 5, constant: 0.2 };
  const SURROGATES = ["tissue", "saturating_tissue"];
  const BOUNDARIES = ["reflecting", "absorbing", "periodic"];

  const rounded = (amount) => Number(amount.toPrecision(2));
  /* What a stroke of strength 0 … 1 puts on its nodes, within the ranges of the training. */
  const KINDS = {
    vessel: { label: "vessel", amount: (s) => rounded(s), words: "value held" },
    cell: { label: "cell", amount: (s) => rounded(0.001 * 100 ** s), words: "uptake rate" },
    producer: { label: "producer", amount: (s) => rounded(0.02 * s), words: "release" },
    slow: { label: "slow region", amount: (s) => rounded(0.1 ** s), words: "diffusivity" },
    erase: { label: "eraser", amount: () => 0, words: "" },
  };

  class Drawing {
    constructor(side) {
      this.side = side;
      // each step is a list of strokes {kind, radius, amount, centres}, and is undone at once
      this.steps = [];
      this.clearArrays();
    }

    clearArrays() {
      const nodes = this.side * this.side;
      this.vessel = new Float64Array(nodes);
      this.cell = new Float64Array(nodes);
      this.producer = new Float64Array(nodes);
      this.diffusivity = new Float64Array(nodes).fill(1);
    }

    /* A new step, to which `add` appends. */
    begin() {
      this.steps.push([]);
    }

    /* A disc around the node (row, column). */
    add(kind, row, column, radius, amount) {
      if (!this.steps.length) this.begin();
      const strokes = this.steps[this.steps.length - 1], last = strokes[strokes.length - 1];
      if (last && last.kind === kind && last.radius === radius && last.amount === amount) {
        last.centres.push([row, column]);
      } else {
        strokes.push({ kind, radius, amount, centres: [[row, column]] });
      }
      this.fill(kind, row, column, radius, amount);
    }

    /* Discs from one node to another, without gaps. */
    addLine(kind, from, to, radius, amount) {
      const [rows, columns] = [to[0] - from[0], to[1] - from[1]];
      const count = Math.max(1, Math.ceil(Math.hypot(rows, columns) / Math.max(1, radius / 2)));
      for (let k = 1; k <= count; k++) {
        const row = Math.round(from[0] + rows * k / count);
        this.add(kind, row, Math.round(from[1] + columns * k / count), radius, amount);
      }
    }

    fill(kind, row, column, radius, amount) {
      const { side } = this, reach = Math.floor(radius);
      for (let r = Math.max(0, row - reach); r <= Math.min(side - 1, row + reach); r++) {
        for (let c = Math.max(0, column - reach); c <= Math.min(side - 1, column + reach); c++) {
          if ((r - row) ** 2 + (c - column) ** 2 > radius ** 2) continue;
          this.set(kind, r * side + c, amount);
        }
      }
    }

    /* A node is a vessel, a cell, a producer or none of them, whatever its diffusivity. */
    set(kind, node, amount) {
      if (kind === "slow") {
        this.diffusivity[node] = amount;
        return;
      }
      for (const name of ["vessel", "cell", "producer"]) {
        this[name][node] = name === kind ? amount : 0;
      }
      if (kind === "erase") this.diffusivity[node] = 1;
    }

    undo() {
      this.steps.pop();
      this.clearArrays();
      for (const { kind, radius, amount, centres } of this.steps.flat()) {
        for (const [row, column] of centres) this.fill(kind, row, column, radius, amount);
      }
    }

    /* As a step, so that it can be undone. */
    clear() {
      this.begin();
      if (this.steps.length > 1) this.add("erase", this.side >> 1, this.side >> 1, this.side, 0);
    }

    /* Clears the lattice and draws a preset, as one step. */
    drawPreset(name) {
      this.clear();
      PRESETS[name](this);
    }

    /* The same drawing on a lattice of another side. */
    resized(side) {
      const result = new Drawing(side), factor = side / this.side;
      const moved = (place) => Math.round((place + 0.5) * factor - 0.5);
      for (const strokes of this.steps) {
        result.begin();
        for (const { kind, radius, amount, centres } of strokes) {
          for (const [row, column] of centres) {
            result.add(kind, moved(row), moved(column), radius * factor, amount);
          }
        }
      }
      return result;
    }

    /* The strokes since everything was erased. */
    strokes() {
      const strokes = this.steps.flat();
      const erased = strokes.findLastIndex(({ kind, radius }) =>
        kind === "erase" && radius === this.side);
      return strokes.slice(erased + 1);
    }

    /* The parts of a `Problem`. settings: {surrogate, decay, boundary}. */
    parts({ surrogate, decay, boundary }) {
      const { side, vessel, cell, producer, diffusivity } = this;
      const parts = {
        rows: side, columns: side, image: vessel, production: producer, diffusivity, boundary,
        decay: new Float64Array(side * side).fill(decay),
      };
      if (surrogate === "tissue") {
        cell.forEach((rate, node) => { parts.decay[node] += rate; });
      } else {
        parts.uptake = cell.map((rate) => SATURATING.factor * rate);
        parts.saturation = new Float64Array(side * side).fill(SATURATING.constant);
      }
      return parts;
    }

    /* Why the surrogate wasn't trained for this problem; "" if it was. */
    isOutside({ surrogate, decay, boundary }) {
      const reasons = [];
      if (boundary !== "reflecting") reasons.push(`${boundary} sides`);
      if (surrogate === "tissue" && this.producer.some((s) => s > 0)) reasons.push("producers");
      if (decay !== DECAY) reasons.push("this decay");
      return reasons.join(" and ");
    }

    /* A program that solves the same problem with diffkeras. */
    python(settings) {
      const { surrogate, decay, boundary } = settings;
      const strokes = this.strokes().map(({ kind, radius, amount, centres }) => {
        const points = centres.map(([row, column]) => `(${row}, ${column})`);
        return `    ("${kind}", ${radius}, ${amount}, [${folded(points)}]),\n`;
      });
      const uptake = surrogate === "tissue" ? [`decay=${decay} + cells,`] : [
        `decay=${decay},`,
        `uptake=dk.MichaelisMenten(${SATURATING.factor} * cells, ${SATURATING.constant}),`,
      ];
      const outside = this.isOutside(settings);
      const refused = `# no prediction: "${surrogate}" was not trained for ${outside}`;
      const predict = outside ? [refused] : [
        `prediction = dk.load_surrogate("${surrogate}").predict(problem)`,
        "print(prediction.field.max(), prediction.error_bound)",
      ];
      return [
        ...PREAMBLE, `side = ${this.side}`, "strokes = [  # kind, radius, amount, centres",
        `${strokes.join("")}]`, ...ARRAYS, "problem = dk.Problem(", "    vessels,",
        "    production=producers,", "    diffusivity=diffusivity,",
        ...uptake.map((line) => `    ${line}`), `    boundary="${boundary}",`, ")",
        "solution = dk.solve(problem)", "print(solution.field.max(), solution.error_bound)",
        ...predict, "",
      ].join("\n");
    }
  }

  /* Points in lines of moderate length. */
  function folded(points, perLine = 7) {
    if (points.length <= 3) return points.join(", ");
    const lines = [];
    for (let k = 0; k < points.length; k += perLine) {
      lines.push(`        ${points.slice(k, k + perLine).join(", ")},\n`);
    }
    return `\n${lines.join("")}    `;
  }

  const PREAMBLE = ["import numpy as np", "", "import diffkeras as dk", ""];
  const ARRAYS = `
rows, columns = np.ogrid[:side, :side]
vessels, cells, producers = (np.zeros((side, side)) for _ in range(3))
diffusivity = np.ones((side, side))
for kind, radius, amount, centres in strokes:
    for row, column in centres:
        disc = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
        if kind == "slow":
            diffusivity[disc] = amount
            continue
        vessels[disc] = amount if kind == "vessel" else 0.0
        cells[disc] = amount if kind == "cell" else 0.0
        producers[disc] = amount if kind == "producer" else 0.0
        if kind == "erase":
            diffusivity[disc] = 1.0
`.split("\n");

  /* Numbers between 0 and 1 that are the same on every machine. */
  function randomNumbers(seed) {
    let state = seed >>> 0;
    return () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    };
  }

  const scaled = (drawing, length) => length * drawing.side / 64;
  const place = (drawing, share) => Math.round(share * (drawing.side - 1));

  function scatterCells(drawing, count, random) {
    for (let k = 0; k < count; k++) {
      const [row, column] = [place(drawing, random()), place(drawing, random())];
      const radius = scaled(drawing, rounded(1.5 + 1.5 * random()));
      drawing.add("cell", row, column, radius, KINDS.cell.amount(random()));
    }
  }

  /* A branch, and two thinner ones at its end. Angles from the direction of the rows. */
  function branch(drawing, random, from, angle, length, generation) {
    const to = [from[0] + length * Math.cos(angle), from[1] + length * Math.sin(angle)];
    const [start, end] = [from, to].map((point) => point.map((share) => place(drawing, share)));
    const radius = scaled(drawing, 2.5 - 0.5 * generation);
    drawing.addLine("vessel", start, end, radius, rounded(1 - 0.15 * generation));
    if (generation === 3) return;
    for (const turn of [-1, 1]) {
      const next = angle + turn * (0.45 + 0.3 * random());
      branch(drawing, random, to, next, length * 0.72, generation + 1);
    }
  }

  const PRESETS = {
    "vessel tree": (drawing) => {
      const random = randomNumbers(7);
      const [row, column] = [place(drawing, 0.72), place(drawing, 0.28)];
      drawing.add("slow", row, column, scaled(drawing, 14), 0.2);
      scatterCells(drawing, 110, random);
      branch(drawing, random, [0, 0.45], 0, 0.3, 0);
    },
    "one vessel": (drawing) => {
      const middle = drawing.side >> 1;
      drawing.add("vessel", middle, middle, scaled(drawing, 3), 1);
    },
    spheroid: (drawing) => {
      const middle = drawing.side >> 1;
      drawing.add("vessel", middle, middle, drawing.side, 1); // the medium around it
      drawing.add("erase", middle, middle, scaled(drawing, 27), 0);
      drawing.add("cell", middle, middle, scaled(drawing, 23), 0.02);
    },
    empty: () => {},
  };

  Object.assign(globalThis.diffkeras, {
    Drawing, KINDS, PRESETS: Object.keys(PRESETS), SURROGATES, BOUNDARIES, DECAY,
  });
})();
