/* The finite-volume equations of a lattice, as in diffkeras/physics/linear/finite_volumes.py:

     (A u)_i = σ_i u_i + Σ_k κ_ik (u_i − u_k),   κ_ik = 2 D_i D_k / (D_i + D_k),

   with the lattice step as the unit of length. Classic scripts without modules, because browsers
   refuse modules of pages that are opened as files. Nothing in this file touches a page. */
(function () {
  "use strict";

  /* Unit roundoffs that bound the rounding of one equation, relative to the sum of its terms'
     absolute values. A term goes through at most a difference and a product (or three roundings of
     the uptake), four sums over the drain and the neighbours, two with uptake and production, and
     one with the bound itself; drains of slopes have one more: 12, and the computed sizes of the
     terms are too small by at most 8. */
  const ROUNDING = 16 * 2 ** -53;

  /* An array of the lattice with a rim of ghost nodes, so that every node has four neighbours. */
  function zeros(shape) {
    return new Float64Array((shape.rows + 2) * (shape.columns + 2));
  }

  function eachNode(shape, visit) {
    const stride = shape.columns + 2;
    for (let row = 0, k = 0; row < shape.rows; row++) {
      for (let i = (row + 1) * stride + 1, end = i + shape.columns; i < end; i++, k++) visit(i, k);
    }
  }

  /* Values of the nodes, row by row, to an array with ghost nodes, and back. */
  function withGhosts(shape, values) {
    const result = zeros(shape);
    eachNode(shape, (i, k) => { result[i] = values[k]; });
    return result;
  }
  function withoutGhosts(shape, array) {
    const result = new Float64Array(shape.rows * shape.columns);
    eachNode(shape, (i, k) => { result[k] = array[i]; });
    return result;
  }

  /* Gives the ghost nodes of a periodic lattice the values of the opposite side. Otherwise they
     stay 0, and no coupling reaches them. */
  function wrap(shape, array) {
    if (!shape.periodic) return;
    const { rows, columns } = shape, stride = columns + 2, last = rows * stride;
    for (let i = stride; i <= last; i += stride) {
      array[i] = array[i + columns];
      array[i + columns + 1] = array[i + 1];
    }
    array.copyWithin(0, last, last + stride);
    array.copyWithin(last + stride, stride, 2 * stride);
  }

  /* Couplings of each node to the one below and to the one on the right, and drains (σ), all with
     ghost nodes: {rows, columns, periodic, down, right, drain}. */
  function equationsOf(rows, columns, diffusivity, decay, boundary) {
    const shape = { rows, columns, periodic: boundary === "periodic" };
    const stride = columns + 2, d = withGhosts(shape, diffusivity);
    const down = zeros(shape), right = zeros(shape), drain = withGhosts(shape, decay);
    wrap(shape, d);
    eachNode(shape, (i) => {
      const below = d[i + stride], beside = d[i + 1];
      if (below > 0) down[i] = 2 * d[i] * below / (d[i] + below);
      if (beside > 0) right[i] = 2 * d[i] * beside / (d[i] + beside);
      if (boundary === "absorbing") {
        // a ghost node of value 0 and the node's own diffusivity
        const walls = (d[i - 1] === 0) + (beside === 0) + (d[i - stride] === 0) + (below === 0);
        drain[i] += walls * d[i];
      }
    });
    // a single row or column has itself for a neighbour
    if (rows === 1) down.fill(0);
    if (columns === 1) right.fill(0);
    wrap(shape, down);
    wrap(shape, right);
    return { ...shape, down, right, drain };
  }

  /* The equations of the free nodes, where the fixed ones are 0: what flows there is a drain.
     `isFree` is 1 or 0, with ghost nodes. */
  function amongFree(equations, isFree) {
    const { columns, down, right } = equations, stride = columns + 2;
    const result = { ...equations }, free = isFree.slice();
    wrap(equations, free);
    result.down = zeros(equations);
    result.right = zeros(equations);
    result.drain = zeros(equations);
    eachNode(equations, (i) => {
      if (!free[i]) return;
      let drain = equations.drain[i];
      if (free[i + stride]) result.down[i] = down[i]; else drain += down[i];
      if (free[i + 1]) result.right[i] = right[i]; else drain += right[i];
      if (!free[i - stride]) drain += down[i - stride];
      if (!free[i - 1]) drain += right[i - 1];
      result.drain[i] = drain;
    });
    wrap(equations, result.down);
    wrap(equations, result.right);
    return result;
  }

  /* A u by differences, which lose no digits. */
  function apply(equations, field, result) {
    const { rows, columns, down, right, drain } = equations, stride = columns + 2;
    wrap(equations, field);
    for (let row = 1; row <= rows; row++) {
      for (let i = row * stride + 1, end = i + columns; i < end; i++) {
        const u = field[i];
        result[i] = drain[i] * u + down[i] * (u - field[i + stride]) + right[i] * (u - field[i + 1])
          + down[i - stride] * (u - field[i - stride]) + right[i - 1] * (u - field[i - 1]);
      }
    }
    return result;
  }

  /* A u, and the sums of its terms' absolute values. */
  function applyWithSizes(equations, field, result, sizes) {
    const { rows, columns, down, right, drain } = equations, stride = columns + 2;
    const abs = Math.abs;
    wrap(equations, field);
    for (let row = 1; row <= rows; row++) {
      for (let i = row * stride + 1, end = i + columns; i < end; i++) {
        const u = field[i], decayed = drain[i] * u;
        const below = down[i] * (u - field[i + stride]), beside = right[i] * (u - field[i + 1]);
        const above = down[i - stride] * (u - field[i - stride]);
        const before = right[i - 1] * (u - field[i - 1]);
        result[i] = decayed + below + beside + above + before;
        sizes[i] = abs(decayed) + abs(below) + abs(beside) + abs(above) + abs(before);
      }
    }
  }

  /* The largest |value|; NaN if there is one. */
  function largest(array) {
    let most = 0;
    for (let i = 0; i < array.length; i++) {
      const size = Math.abs(array[i]);
      if (!(size <= most)) most = size;
      if (size !== size) return NaN;
    }
    return most;
  }

  globalThis.diffkeras = {
    ROUNDING, zeros, eachNode, withGhosts, withoutGhosts, wrap, equationsOf, amongFree, apply,
    applyWithSizes, largest,
  };
})();
