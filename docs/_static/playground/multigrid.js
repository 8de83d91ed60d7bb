/* Multigrid cycles of blocks of 2×2 nodes, and conjugate gradients with them.

   The drain of a block is the sum of its nodes', the coupling of two blocks a share of the sum of
   the couplings across their common side (Braess 1995; Notay 2010), as in
   diffkeras/physics/linear/block_cycles.py and diffkeras/nn/equation/multigrid.py. */
(function () {
  "use strict";
  const { zeros, eachNode, wrap, apply } = globalThis.diffkeras;

  const FACTOR = 0.5; // of the couplings of blocks: their distance is twice that of two nodes
  const NEAR = 0.75, FAR = 0.25; // shares of a node's own block and of the next one
  const COARSEST = 16; // nodes at most of the level whose equations are inverted
  const SINGULAR = 1e-14; // share of the diagonal: a smaller pivot is taken for 0

  /* The equations of one level, and room for a cycle on it. */
  class Level {
    constructor(equations) {
      Object.assign(this, equations);
      this.diagonal = zeros(this);
      this.inverse = zeros(this); // 1/diagonal, 0 where a node has no equation
      this.correction = zeros(this);
      this.residual = zeros(this);
      this.remainder = zeros(this);
      this.between = zeros(this);
      this.setDiagonal();
    }

    setDiagonal() {
      const { rows, columns, down, right, drain, diagonal, inverse } = this;
      const stride = columns + 2;
      for (let row = 1; row <= rows; row++) {
        for (let i = row * stride + 1, end = i + columns; i < end; i++) {
          const d = drain[i] + down[i] + down[i - stride] + right[i] + right[i - 1];
          diagonal[i] = d;
          inverse[i] = d > 0 ? 1 / d : 0;
        }
      }
    }
  }

  /* Couplings of the next coarser level; `addDrains` completes it. */
  function coarser(fine, factor) {
    const rows = (fine.rows + 1) >> 1, columns = (fine.columns + 1) >> 1;
    const { periodic } = fine, shape = { rows, columns, periodic };
    const down = zeros(shape), right = zeros(shape), drain = zeros(shape);
    const stride = fine.columns + 2;
    eachNode(shape, (k, count) => {
      const row = 2 * Math.floor(count / columns), column = 2 * (count % columns);
      const first = (row + 1) * stride + column + 1;
      const lastRow = row + 1 < fine.rows ? first + stride : first;
      const lastColumn = column + 1 < fine.columns ? first + 1 : first;
      let below = fine.down[lastRow], beside = fine.right[lastColumn];
      if (lastColumn > first) below += fine.down[lastRow + 1];
      if (lastRow > first) beside += fine.right[lastColumn + stride];
      down[k] = rows > 1 ? factor * below : 0;
      right[k] = columns > 1 ? factor * beside : 0;
    });
    wrap(shape, down);
    wrap(shape, right);
    addDrains(fine.drain, fine, drain, shape);
    return { ...shape, down, right, drain };
  }

  /* Drains of blocks: the sums of their nodes'. */
  function addDrains(fineDrain, fine, drain, coarse) {
    const stride = fine.columns + 2, coarseStride = coarse.columns + 2;
    drain.fill(0);
    for (let row = 0; row < fine.rows; row++) {
      const start = (row + 1) * stride + 1, block = ((row >> 1) + 1) * coarseStride + 1;
      for (let column = 0; column < fine.columns; column++) {
        drain[block + (column >> 1)] += fineDrain[start + column];
      }
    }
  }

  /* Values of nodes to sums over blocks: the transpose of `addInterpolated`. */
  function restrict(fine, values, coarse, result) {
    const { rows, columns } = fine, stride = columns + 2, coarseStride = coarse.columns + 2;
    const sums = fine.between;
    for (let block = 0; block < coarse.rows; block++) {
      const a = (2 * block + 1) * stride + 1, hasSecond = 2 * block + 1 < rows, b = a + stride;
      const before = block ? a - stride : a;
      const after = !hasSecond ? -1 : 2 * block + 2 < rows ? b + stride : b;
      for (let c = 0; c < columns; c++) {
        let sum = NEAR * values[a + c] + FAR * values[before + c];
        if (hasSecond) sum += NEAR * values[b + c] + FAR * values[after + c];
        sums[c] = sum;
      }
      const out = (block + 1) * coarseStride + 1, last = coarse.columns - 1;
      for (let c = 0; c <= last; c++) {
        const first = sums[2 * c], second = 2 * c + 1 < columns ? sums[2 * c + 1] : 0;
        const left = c ? sums[2 * c - 1] : first;
        const next = 2 * c + 2 < columns ? sums[2 * c + 2] : second;
        result[out + c] = NEAR * (first + second) + FAR * (left + next);
      }
    }
  }

  /* Adds values of blocks to a field, interpolated linearly, on the nodes that have equations. */
  function addInterpolated(coarse, blocks, fine, field) {
    const { rows, columns, inverse } = fine, stride = columns + 2;
    const coarseStride = coarse.columns + 2, line = fine.between;
    for (let row = 0; row < rows; row++) {
      const block = row >> 1, odd = row & 1;
      const next = odd ? Math.min(block + 1, coarse.rows - 1) : Math.max(block - 1, 0);
      const own = (block + 1) * coarseStride, other = (next + 1) * coarseStride;
      for (let c = 1; c <= coarse.columns; c++) {
        line[c] = NEAR * blocks[own + c] + FAR * blocks[other + c];
      }
      line[0] = line[1];
      line[coarse.columns + 1] = line[coarse.columns];
      const end = (row + 1) * stride + 1 + columns;
      for (let c = 1, i = (row + 1) * stride + 1; i < end; c++, i += 2) {
        const mine = NEAR * line[c];
        if (inverse[i] > 0) field[i] += mine + FAR * line[c - 1];
        if (i + 1 < end && inverse[i + 1] > 0) field[i + 1] += mine + FAR * line[c + 1];
      }
    }
  }

  class Hierarchy {
    /* equations: of the free nodes. factors: of the couplings of each coarser level; without them,
       there are as many levels as lead to a small one, which is inverted. */
    constructor(equations, factors) {
      this.levels = [new Level(equations)];
      const isLast = (level, k) =>
        factors ? k === factors.length : level.rows * level.columns <= COARSEST;
      for (let k = 0; !isLast(this.levels[k], k); k++) {
        this.levels.push(new Level(coarser(this.levels[k], factors ? factors[k] : FACTOR)));
      }
      this.room = { direction: zeros(equations), applied: zeros(equations), left: zeros(equations) };
      this.isInverted = !factors;
      if (this.isInverted) this.invertCoarsest();
    }

    /* The same couplings with other drains. */
    setDrain(drain) {
      const { levels } = this;
      levels[0].drain = drain;
      levels[0].setDiagonal();
      for (let k = 1; k < levels.length; k++) {
        addDrains(levels[k - 1].drain, levels[k - 1], levels[k].drain, levels[k]);
        levels[k].setDiagonal();
      }
      if (this.isInverted) this.invertCoarsest();
    }

    invertCoarsest() {
      const level = this.levels[this.levels.length - 1], { rows, columns } = level;
      const size = rows * columns, unit = zeros(level), column = zeros(level);
      const matrix = Array.from({ length: size }, () => new Float64Array(2 * size));
      eachNode(level, (j, number) => {
        unit[j] = 1;
        apply(level, unit, column);
        eachNode(level, (i, k) => { matrix[k][number] = column[i]; });
        matrix[number][size + number] = 1;
        unit.fill(0);
      });
      this.inverse = inverted(matrix, size);
    }

    /* About A⁻¹ of the residual, by a V-cycle with a Gauss–Seidel sweep before and one in the
       opposite order after the coarser levels, so that the cycle is symmetric. */
    cycle(residual, k = 0) {
      const level = this.levels[k];
      if (k === this.levels.length - 1) return this.solveCoarsest(level, residual);
      const next = this.levels[k + 1];
      sweepFromZero(level, residual);
      restrict(level, level.remainder, next, next.residual);
      addInterpolated(next, this.cycle(next.residual, k + 1), level, level.correction);
      sweepBack(level, residual);
      return level.correction;
    }

    solveCoarsest(level, residual) {
      const { inverse } = this, places = [];
      eachNode(level, (i) => places.push(i));
      places.forEach((i, row) => {
        let sum = 0;
        for (let j = 0; j < places.length; j++) sum += inverse[row][j] * residual[places[j]];
        level.correction[i] = sum;
      });
      return level.correction;
    }
  }

  /* The inverse of an M-matrix, which needs no exchange of rows, from [matrix, unit matrix]. */
  function inverted(matrix, size) {
    const diagonal = matrix.map((row, k) => row[k]);
    for (let k = 0; k < size; k++) {
      const row = matrix[k], isSingular = !(row[k] > SINGULAR * diagonal[k]);
      const scale = isSingular ? 0 : 1 / row[k]; // a fixed node, or nothing is lost
      for (let j = 0; j < 2 * size; j++) row[j] *= scale;
      for (let i = 0; i < size; i++) {
        const share = matrix[i][k];
        if (i === k || share === 0) continue;
        for (let j = 0; j < 2 * size; j++) matrix[i][j] -= share * row[j];
      }
    }
    return matrix.map((row) => row.slice(size));
  }

  /* correction = (D + L)⁻¹ residual, and the remainder residual − A correction. L are the couplings
     to earlier nodes, without those around a periodic lattice. */
  function sweepFromZero(level, residual) {
    const { rows, columns, down, right, inverse, correction, remainder, periodic } = level;
    const stride = columns + 2;
    if (periodic) {
      correction.fill(0, 0, stride);
      for (let row = 1; row <= rows; row++) correction[row * stride] = 0;
    }
    for (let row = 1; row <= rows; row++) {
      let before = 0;
      for (let i = row * stride + 1, end = i + columns; i < end; i++) {
        before = inverse[i] * (residual[i] + down[i - stride] * correction[i - stride]
          + right[i - 1] * before);
        correction[i] = before;
      }
    }
    wrap(level, correction);
    for (let row = 1; row <= rows; row++) {
      for (let i = row * stride + 1, end = i + columns; i < end; i++) {
        remainder[i] = down[i] * correction[i + stride] + right[i] * correction[i + 1];
      }
    }
    if (!periodic) return;
    for (let c = 1; c <= columns; c++) remainder[stride + c] += down[c] * correction[c];
    for (let row = 1; row <= rows; row++) {
      const ghost = row * stride;
      remainder[ghost + 1] += right[ghost] * correction[ghost];
    }
  }

  function sweepBack(level, residual) {
    const { rows, columns, down, right, inverse, correction } = level, stride = columns + 2;
    wrap(level, correction);
    for (let row = rows; row >= 1; row--) {
      let after = correction[row * stride + columns + 1];
      for (let i = row * stride + columns, end = i - columns; i > end; i--) {
        after = inverse[i] * (residual[i] + right[i] * after + right[i - 1] * correction[i - 1]
          + down[i] * correction[i + stride] + down[i - stride] * correction[i - stride]);
        correction[i] = after;
      }
    }
  }

  function dot(shape, a, b) {
    const { rows, columns } = shape, stride = columns + 2;
    let sum = 0;
    for (let row = 1; row <= rows; row++) {
      for (let i = row * stride + 1, end = i + columns; i < end; i++) sum += a[i] * b[i];
    }
    return sum;
  }

  /* About A⁻¹b by conjugate gradients, until no |residual| is above `aim`: {solution, iterations}.
     They also end where A isn't positive definite, as far as rounding shows. */
  function solveLinear(hierarchy, b, aim, mostIterations = 60) {
    const level = hierarchy.levels[0], { rows, columns } = level, stride = columns + 2;
    const solution = zeros(level);
    const { direction, applied, left: residual } = hierarchy.room;
    residual.set(b);
    let energy = 1, size = Infinity, iterations = 0;
    for (; iterations < mostIterations && size > aim; iterations++) {
      const preconditioned = hierarchy.cycle(residual), last = energy;
      energy = dot(level, residual, preconditioned);
      const share = iterations ? energy / last : 0;
      for (let i = 0; i < direction.length; i++) {
        direction[i] = iterations ? preconditioned[i] + share * direction[i] : preconditioned[i];
      }
      apply(level, direction, applied);
      const step = energy / dot(level, direction, applied);
      if (!(energy > 0 && step > 0 && step < Infinity)) break;
      size = 0;
      for (let row = 1; row <= rows; row++) {
        for (let i = row * stride + 1, end = i + columns; i < end; i++) {
          solution[i] += step * direction[i];
          const r = residual[i] - step * applied[i];
          residual[i] = r;
          if (r > size) size = r; else if (-r > size) size = -r;
        }
      }
    }
    return { solution, iterations };
  }

  Object.assign(globalThis.diffkeras, { Hierarchy, restrict, addInterpolated, dot, solveLinear });
})();
