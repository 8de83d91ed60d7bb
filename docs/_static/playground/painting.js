/* Colours of the maps, and numbers in words. */
(function () {
  "use strict";
  const { eachNode } = globalThis.diffkeras;

  // viridis and magma of matplotlib, at equal distances
  const VIRIDIS = "440154 482475 414487 355f8d 2a788e 21918c 22a884 44bf70 7ad151 bddf26 fde725";
  const MAGMA = "000004 140e36 3b0f70 641a80 8c2981 b73779 de4968 f7705c fe9f6d fecf92 fcfdbf";
  const LEAST_DECADE = -6; // of the error maps, relative to the largest value of the field
  const RIMS = { slow: "#9cd0ff", cell: "#ffffffb0", producer: "#ffb000", vessel: "#ff4b3e" };
  const RIM_WIDTH = 1.25; // in pixels of the page

  function table(colours) {
    const parts = (colour) => [0, 2, 4].map((k) => parseInt(colour.slice(k, k + 2), 16));
    const anchors = colours.split(" ").map(parts);
    const result = new Uint8ClampedArray(4 * 256);
    for (let i = 0; i < 256; i++) {
      const at = i / 255 * (anchors.length - 1), k = Math.min(Math.floor(at), anchors.length - 2);
      const mixed = anchors[k].map((low, j) => low + (at - k) * (anchors[k + 1][j] - low));
      result.set([...mixed, 255], 4 * i);
    }
    return new Uint32Array(result.buffer);
  }
  const FIELD = table(VIRIDIS), ERROR = table(MAGMA);

  const clamped = (index) => Math.max(0, Math.min(255, index)) | 0; // infinite ones, too

  /* Shades of an array with ghost nodes; `size` is the largest value of the exact field. */
  function paintField(shape, values, size, image) {
    const pixels = new Uint32Array(image.data.buffer), scale = 255.99 / size;
    eachNode(shape, (i, k) => { pixels[k] = FIELD[clamped(scale * values[i])]; });
  }
  function paintError(shape, values, size, image) {
    const pixels = new Uint32Array(image.data.buffer), scale = 255.99 / -LEAST_DECADE;
    eachNode(shape, (i, k) => {
      const decade = Math.log10(values[i] / size); // −∞ where nothing is wrong
      pixels[k] = ERROR[decade > LEAST_DECADE ? clamped(scale * (decade - LEAST_DECADE)) : 0];
    });
  }

  /* The rims of what is drawn, as lines between the nodes, on a canvas of its own that has as many
     pixels as the screen. */
  function paintRims(drawing, canvas) {
    const ratio = globalThis.devicePixelRatio || 1;
    canvas.width = canvas.height = Math.round(canvas.clientWidth * ratio); // this clears it, too
    const { side } = drawing, unit = canvas.width / side, context = canvas.getContext("2d");
    context.lineWidth = RIM_WIDTH * ratio;
    for (const [kind, colour] of Object.entries(RIMS)) {
      const values = kind === "slow" ? drawing.diffusivity : drawing[kind];
      context.strokeStyle = colour;
      context.beginPath();
      for (let k = 0; k < values.length; k++) {
        const x = (k % side) * unit, y = Math.floor(k / side) * unit;
        if (k % side && values[k] !== values[k - 1]) {
          context.moveTo(x, y);
          context.lineTo(x, y + unit);
        }
        if (k >= side && values[k] !== values[k - side]) {
          context.moveTo(x, y);
          context.lineTo(x + unit, y);
        }
      }
      context.stroke();
    }
  }

  function paintScale(canvas, isError) {
    canvas.width = 256;
    canvas.height = 1;
    const image = canvas.getContext("2d").createImageData(256, 1);
    new Uint32Array(image.data.buffer).set(isError ? ERROR : FIELD);
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  const SUPERSCRIPTS = { "-": "⁻", ...Object.fromEntries([..."⁰¹²³⁴⁵⁶⁷⁸⁹"].entries()) };

  /* A number with some digits, such as 0.0123 or 1.2 × 10⁻⁵. */
  function inWords(number, digits = 2) {
    if (number === 0) return "0";
    if (!(Math.abs(number) < Infinity)) return "infinite";
    if (Math.abs(number) >= 0.01 && Math.abs(number) < 1000) return number.toPrecision(digits + 1);
    const [factor, power] = number.toExponential(digits - 1).split("e");
    const exponent = [...String(Number(power))].map((sign) => SUPERSCRIPTS[sign]).join("");
    return `${factor} × 10${exponent}`;
  }

  const rimColour = (kind) => RIMS[kind] || "transparent";

  Object.assign(globalThis.diffkeras, {
    paintField, paintError, paintRims, paintScale, inWords, rimColour,
  });
})();
