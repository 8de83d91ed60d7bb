/* The page: draw a tissue, and see its exact field, a surrogate's prediction, the true error and
   the proven bound. */
(function () {
  "use strict";
  const {
    Problem, solve, predict, certify, weights, Drawing, KINDS, PRESETS, SURROGATES, BOUNDARIES,
    DECAY, paintField, paintError, paintRims, paintScale, inWords, rimColour,
  } = globalThis.diffkeras;

  const SIDES = [64, 128];
  const SMALL_SCREEN = 500; // pixels: phones start with fewer nodes
  const DECAYS = [0, 0.0001, DECAY, 0.01];
  const TOLERANCE = 1e-6; // of the exact field, relative to its largest value
  const FAR = 5; // nodes that Shift and an arrow key move by
  const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const MAPS = {
    exact: "Exact field", predicted: "Prediction", error: "True error", bound: "Proven bound",
  };
  const HELP = '<span class="keys">Draw with the mouse, or with the keyboard: arrow keys move (with '
    + "Shift by 5 nodes), Space draws, Ctrl+Z undoes.</span>"
    + '<span class="fingers">Draw on the first map: tap, or start sideways. Up and down scrolls.</span>';

  const option = (value, text = value, chosen = false) =>
    `<option value="${value}"${chosen ? " selected" : ""}>${text}</option>`;
  const choice = (name, label, options) =>
    `<label>${label} <select data-part="${name}">${options.join("")}</select></label>`;
  const slider = (name, label, limits, value) =>
    `<label>${label} <input type="range" data-part="${name}" ${limits} value="${value}">`
    + `<output data-part="${name}Shown"></output></label>`;
  const button = (name, label) => `<button type="button" data-part="${name}">${label}</button>`;

  const kindButtons = () => Object.entries(KINDS).map(([kind, { label }], k) =>
    `<label><input type="radio" name="playground-kind" value="${kind}"${k ? "" : " checked"}>`
    + `<span class="swatch" style="border-color: ${rimColour(kind)}"></span>${label}</label>`);

  const RIMS = '<canvas class="rims" data-part="rims" aria-hidden="true"></canvas>';

  const figure = (name, label, isError) => `
    <figure>
      <figcaption><b>${label}</b> <span data-part="${name}Number"></span></figcaption>
      <div class="map"><canvas data-part="${name}" role="img" aria-label="${label}"></canvas>
        ${name === "exact" ? RIMS : ""}
        <i class="marker" hidden></i></div>
      <canvas class="scale" data-part="${name}Scale" aria-hidden="true"></canvas>
      <div class="ends">${isError
    ? "<span>10⁻⁶</span><span>10⁻³</span><span>1<span class='wide'> of the largest value</span></span>"
    : `<span>0</span><span data-part="${name}Most"></span>`}</div>
    </figure>`;

  const layout = () => `<div class="controls">
    <fieldset class="kinds"><legend>Draw</legend>${kindButtons().join("")}</fieldset>
    <div class="tools">
      ${slider("strength", "strength", 'min="0.1" max="1" step="0.05"', 1)}
      ${slider("radius", "radius", 'min="0" max="12" step="1"', 3)}
    </div>
    <div class="tools">
      ${choice("preset", "start from", ["", ...PRESETS].map((name) => option(name, name || "…")))}
      ${button("undo", "Undo")}${button("clear", "Clear")}${button("code", "Copy as Python")}
    </div>
    <details data-part="more" open><summary>Surrogate and medium</summary>
      <div class="tools">
        ${choice("surrogate", "surrogate", [
    option(SURROGATES[0], "tissue: uptake ∝ concentration"),
    option(SURROGATES[1], "saturating_tissue: uptake saturates")])}
        ${slider("rounds", "its rounds", 'min="0" max="4" step="1"', 4)}
      </div>
      <div class="tools">
        ${choice("boundary", "sides", BOUNDARIES.map((name) => option(name)))}
        ${choice("decay", "decay", DECAYS.map((rate) => option(rate, rate, rate === DECAY)))}
        ${choice("side", "nodes", SIDES.map((side) => option(side, `${side} × ${side}`)))}
      </div>
    </details>
    <p class="help" id="playground-help">${HELP}</p>
    <p class="read" data-part="read"></p></div>
    <div class="maps">${Object.entries(MAPS).map(([name, label]) =>
    figure(name, label, name === "error" || name === "bound")).join("")}</div>
    <p class="verdict" data-part="verdict"></p>
    <p class="heard" data-part="heard" role="status"></p>
    <textarea data-part="program" readonly hidden rows="14" spellcheck="false"
      aria-label="Python code of this problem"></textarea>`;

  class Playground {
    constructor(root) {
      this.root = root;
      root.classList.add("playground", navigator.maxTouchPoints ? "for-fingers" : "for-mice");
      root.innerHTML = layout();
      this.parts = {};
      for (const part of root.querySelectorAll("[data-part]")) this.parts[part.dataset.part] = part;
      this.markers = [...root.querySelectorAll(".marker")];
      for (const name of Object.keys(MAPS)) {
        paintScale(this.parts[`${name}Scale`], name === "error" || name === "bound");
        this.listenToPointer(this.parts[name], name === "exact");
      }
      this.listenToKeys(this.parts.exact);
      this.listenToTools();
      const isSmall = Math.min(globalThis.innerWidth, globalThis.innerHeight) < SMALL_SCREEN;
      this.parts.side.value = isSmall ? SIDES[0] : SIDES[1];
      this.parts.more.open = !isSmall;
      this.drawing = new Drawing(Number(this.parts.side.value));
      this.resize();
      this.drawPreset(PRESETS[0]);
    }

    get kind() {
      return this.root.querySelector("[name=playground-kind]:checked").value;
    }
    get amount() {
      return KINDS[this.kind].amount(Number(this.parts.strength.value));
    }
    get radius() {
      return Number(this.parts.radius.value) * this.side / 64;
    }
    get settings() {
      const { surrogate, decay, boundary } = this.parts;
      return {
        surrogate: surrogate.value, decay: Number(decay.value), boundary: boundary.value,
      };
    }

    drawPreset(name) {
      if (!name) return;
      this.drawing.drawPreset(name);
      this.parts.preset.value = ""; // so that the same one can be chosen again
      this.forget();
    }

    /* The drawing on a lattice of the chosen side. */
    resize() {
      this.side = Number(this.parts.side.value);
      this.drawing = this.drawing.resized(this.side);
      this.cursor = [this.side >> 1, this.side >> 1];
      this.images = {};
      for (const name of Object.keys(MAPS)) {
        const canvas = this.parts[name];
        canvas.width = canvas.height = this.side;
        this.images[name] = canvas.getContext("2d").createImageData(this.side, this.side);
      }
      this.forget();
    }

    listenToTools() {
      const { parts } = this, on = (name, event, act) => parts[name].addEventListener(event, act);
      on("preset", "change", () => this.drawPreset(parts.preset.value));
      on("side", "change", () => this.resize());
      on("undo", "click", () => this.undo());
      on("clear", "click", () => { this.drawing.clear(); this.updateSoon(); });
      on("code", "click", () => this.copyProgram());
      on("surrogate", "change", () => {
        parts.rounds.value = parts.rounds.max = weights[parts.surrogate.value].dampings.length;
        this.forget();
      });
      for (const name of ["boundary", "decay"]) on(name, "change", () => this.forget());
      on("rounds", "input", () => this.updateSoon());
      this.root.addEventListener("input", () => this.showTools());
    }

    /* The last field and barrier are far from those of another medium. */
    forget() {
      this.last = null;
      this.showTools();
      this.updateSoon();
    }

    showTools() {
      const { parts } = this, { words } = KINDS[this.kind];
      parts.strengthShown.textContent = words ? `${words} ${this.amount}` : "";
      parts.radiusShown.textContent = `${this.radius} nodes`;
      parts.roundsShown.textContent = parts.rounds.value;
    }

    /* The node under a pointer; null outside. */
    nodeAt(canvas, event) {
      const box = canvas.getBoundingClientRect();
      const row = Math.floor((event.clientY - box.top) / box.height * this.side);
      const column = Math.floor((event.clientX - box.left) / box.width * this.side);
      const isInside = row >= 0 && column >= 0 && row < this.side && column < this.side;
      return isInside ? [row, column] : null;
    }

    /* A finger draws on the first map only, where the browser leaves it strokes that start sideways
       (touch-action in the style). It takes over the other ones, to scroll: then nothing is drawn. */
    listenToPointer(canvas, isFirst) {
      const on = (event, act) => canvas.addEventListener(event, act);
      on("pointerdown", (event) => {
        this.point(this.nodeAt(canvas, event));
        if (event.button || !(isFirst || event.pointerType === "mouse")) return;
        canvas.setPointerCapture(event.pointerId);
        this.pen = event.pointerId; // every finger is captured, wherever it went down
        this.drawing.begin();
        this.penAt = null;
        this.drawTo(this.cursor);
      });
      on("pointermove", (event) => {
        const node = this.nodeAt(canvas, event);
        this.point(node);
        if (event.pointerId !== this.pen) return;
        if (node) this.drawTo(node); else this.penAt = null;
      });
      on("pointerup", () => { this.pen = null; });
      on("pointercancel", (event) => {
        if (event.pointerId === this.pen) this.undo();
        this.pen = null;
      });
      on("pointerleave", () => this.point(null));
    }

    listenToKeys(canvas) {
      canvas.tabIndex = 0;
      canvas.setAttribute("role", "application");
      canvas.setAttribute("aria-label", "Exact field, the map to draw on");
      canvas.setAttribute("aria-describedby", "playground-help");
      canvas.addEventListener("keydown", (event) => this.press(event));
      canvas.addEventListener("keyup", (event) => {
        if (event.key === " ") this.isDrawing = false;
      });
      canvas.addEventListener("focus", () => this.point(this.cursor));
      canvas.addEventListener("blur", () => { this.isDrawing = false; this.point(null); });
    }

    press(event) {
      if (event.key === "z" && (event.ctrlKey || event.metaKey)) this.undo();
      else if (event.key === " ") this.pressSpace(event);
      else if (ARROWS[event.key]) this.move(ARROWS[event.key], event.shiftKey ? FAR : 1);
      else return;
      event.preventDefault(); // no scrolling
    }

    pressSpace(event) {
      if (event.repeat) return;
      this.isDrawing = true; // until it is let go: arrow keys draw, too
      this.drawing.begin();
      this.penAt = null;
      this.drawTo(this.cursor);
    }

    move([rows, columns], nodes) {
      const within = (place) => Math.max(0, Math.min(this.side - 1, place));
      this.point([within(this.cursor[0] + nodes * rows), within(this.cursor[1] + nodes * columns)]);
      if (this.isDrawing) this.drawTo(this.cursor); else this.announce();
    }

    drawTo(node) {
      this.drawing.addLine(this.kind, this.penAt || node, node, this.radius, this.amount);
      this.penAt = node;
      this.updateSoon();
    }

    undo() {
      if (!this.drawing.steps.length) return;
      this.drawing.undo();
      this.updateSoon();
    }

    copyProgram() {
      const { program } = this.parts, text = this.drawing.python(this.settings);
      program.hidden = false;
      program.value = text;
      program.select();
      program.scrollIntoView({ block: "nearest" }); // on a phone it is far below the button
      // browsers may refuse it to a page that is opened as a file; the text is selected then
      if (navigator.clipboard) navigator.clipboard.writeText(text).catch(() => {});
      this.parts.heard.textContent = "The Python code is below the maps.";
    }

    /* Once before the next frame, however many changes there are. */
    updateSoon() {
      if (this.isWaiting) return;
      this.isWaiting = true;
      requestAnimationFrame(() => {
        this.isWaiting = false;
        this.update();
      });
    }

    update() {
      const { settings, last, parts } = this, times = [performance.now()];
      const lap = () => times.push(performance.now());
      const problem = new Problem(this.drawing.parts(settings));
      if (last) problem.barrier = last.problem.barrier;
      const exact = solve(problem, TOLERANCE, last && last.exact.field);
      lap();
      const predicted = predict(problem, weights[settings.surrogate], Number(parts.rounds.value));
      lap();
      const { nodeBound, errorBound } = certify(problem, predicted);
      lap();
      const error = problem.onFree((i) => Math.abs(exact.field[i] - predicted[i]));
      this.last = { problem, exact, predicted, error, nodeBound, errorBound };
      this.paint();
      lap();
      this.milliseconds = times.slice(1).map((time, k) => time - times[k]);
      this.showVerdict();
      this.point(this.pointed);
      if (this.isDrawing) this.announce();
    }

    /* What a screen reader says of the node that the keyboard is at. */
    announce() {
      this.parts.heard.textContent = this.reading();
    }

    paint() {
      const { exact, predicted, error, nodeBound, errorBound, problem } = this.last;
      const { images, parts } = this, shape = problem.equations, size = exact.size || 1;
      paintField(shape, exact.field, size, images.exact);
      paintField(shape, predicted, size, images.predicted);
      paintError(shape, error, size, images.error);
      paintError(shape, nodeBound, size, images.bound);
      paintRims(this.drawing, parts.rims);
      for (const name of Object.keys(MAPS)) {
        parts[name].getContext("2d").putImageData(images[name], 0, 0);
      }
      const most = (array) => array.reduce((a, b) => (b > a ? b : a), 0);
      const numbers = { exact: exact.size, predicted: most(predicted), error: most(error) };
      for (const [name, number] of Object.entries(numbers)) {
        parts[`${name}Number`].textContent = `largest ${inWords(number)}`;
      }
      parts.boundNumber.textContent = errorBound < Infinity
        ? `at most ${inWords(errorBound)}` : "infinite: nothing is proven";
      parts.exactMost.textContent = parts.predictedMost.textContent = inWords(size);
      this.largestError = numbers.error;
    }

    showVerdict() {
      const { exact, errorBound } = this.last, { settings } = this;
      const [solving, predicting, proving, painting] = this.milliseconds;
      const total = solving + predicting + proving + painting;
      const ratio = errorBound / this.largestError;
      const sentences = [];
      if (exact.errorBound === Infinity) {
        sentences.push("No proof was found, so the bound is infinite. Perhaps there is no steady "
          + "state: more is released than is taken up, decays or leaves. The fields shown mean "
          + "nothing then.");
      } else {
        sentences.push(`The exact field is proven to ${this.shareInWords(exact)}.`);
        if (errorBound === Infinity) {
          sentences.push("No bound of the prediction was found, so it is infinite.");
        } else if (ratio < Infinity) {
          sentences.push(`The bound is ${inWords(ratio)} times the largest true error.`);
        }
      }
      const outside = this.drawing.isOutside(settings);
      if (outside) {
        const trained = `${settings.surrogate} was not trained for ${outside}`;
        sentences.push(`${trained}; the bound holds there, too.`);
      }
      sentences.push(`${this.side} × ${this.side} nodes in ${total.toFixed(0)} ms: exact field `
        + `${solving.toFixed(0)}, prediction ${predicting.toFixed(0)}, `
        + `proof ${proving.toFixed(0)}, colours ${painting.toFixed(0)}.`);
      this.parts.verdict.textContent = sentences.join(" ");
    }

    shareInWords({ errorBound, size }) {
      return size ? `${inWords(errorBound / size)} of its largest value` : "be 0";
    }

    /* Shows the values of a node, or those of the whole lattice for null. */
    point(node) {
      if (node) this.cursor = node;
      this.pointed = node;
      for (const marker of this.markers) {
        marker.hidden = !node;
        if (!node) continue;
        marker.style.top = `${100 * (node[0] + 0.5) / this.side}%`;
        marker.style.left = `${100 * (node[1] + 0.5) / this.side}%`;
      }
      this.parts.read.textContent = node ? this.reading() : "Point at a map to read its values.";
    }

    reading() {
      if (!this.last) return "";
      const { exact, predicted, error, nodeBound } = this.last, [row, column] = this.cursor;
      const i = (row + 1) * (this.side + 2) + column + 1;
      return `Row ${row}, column ${column}: exact ${inWords(exact.field[i])}, predicted `
        + `${inWords(predicted[i])}, error ${inWords(error[i])}, proven bound `
        + `${inWords(nodeBound[i])}.`;
    }
  }

  const root = document.getElementById("diffkeras-playground");
  root.playground = new Playground(root);
})();
