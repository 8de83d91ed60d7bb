/* The shipped surrogates `tissue` and `saturating_tissue`: rounds of conjugate gradients with
   multigrid cycles whose dampings and factors were learned
   (MultigridCorrections in diffkeras/nn/equation/corrections.py). */
(function () {
  "use strict";
  const {
    zeros, wrap, apply, dot, restrict, addInterpolated, Hierarchy, sum,
  } = globalThis.diffkeras;

  const SWEEPS = 4; // Jacobi steps on the coarsest level
  const TINY = 1e-30;

  /* The predicted field. weights: {factors, dampings}: the factors of coarser couplings, and for
     each round the dampings of each level before and after the coarser ones. */
  function predict(problem, weights, rounds = weights.dampings.length) {
    const { amongFree: base, isLinear } = problem, field = problem.withFixedValues(null);
    const hierarchy = new Hierarchy({ ...base }, weights.factors);
    let slope = null, earlier = []; // directions p with their A p
    for (const damping of weights.dampings.slice(0, rounds)) {
      const residual = problem.residual(field);
      if (!isLinear) {
        slope = problem.slope(field);
        hierarchy.setDrain(sum(base.drain, slope));
        earlier = earlier.slice(-1); // those before belong to other slopes
      }
      const direction = learnedCycle(hierarchy.levels, damping, residual).slice();
      for (const other of earlier) makeConjugate(direction, other, slope, base);
      const applied = apply(base, direction, zeros(base));
      const curvature = dot(base, direction, applied) + curvatureOf(slope, direction, direction);
      const step = dot(base, residual, direction) / Math.max(curvature, TINY);
      for (let i = 0; i < field.length; i++) if (problem.free[i]) field[i] += step * direction[i];
      earlier.push({ direction, applied });
    }
    wrap(base, field);
    return field;
  }

  function curvatureOf(slope, a, b) {
    let result = 0;
    if (slope) for (let i = 0; i < a.length; i++) result += slope[i] * a[i] * b[i];
    return result;
  }

  /* Subtracts the projection on another direction, for the scalar product of A + slope. */
  function makeConjugate(direction, other, slope, shape) {
    const product = (of) => dot(shape, of, other.applied) + curvatureOf(slope, of, other.direction);
    const share = product(direction) / Math.max(product(other.direction), TINY);
    for (let i = 0; i < direction.length; i++) direction[i] -= share * other.direction[i];
  }

  function learnedCycle(levels, damping, residual, k = 0) {
    const level = levels[k], { correction, inverse } = level;
    const [before, after] = [damping[2 * k], damping[2 * k + 1]];
    for (let i = 0; i < correction.length; i++) correction[i] = before * inverse[i] * residual[i];
    if (k === levels.length - 1) {
      for (let sweep = 0; sweep < SWEEPS; sweep++) smooth(level, residual, after);
      return correction;
    }
    const next = levels[k + 1];
    remainderOf(level, residual);
    restrict(level, level.remainder, next, next.residual);
    addInterpolated(next, learnedCycle(levels, damping, next.residual, k + 1), level, correction);
    smooth(level, residual, after);
    return correction;
  }

  /* remainder = residual − A correction */
  function remainderOf(level, residual) {
    const { rows, columns, down, right, diagonal, correction, remainder } = level;
    const stride = columns + 2;
    wrap(level, correction);
    for (let row = 1; row <= rows; row++) {
      for (let i = row * stride + 1, end = i + columns; i < end; i++) {
        remainder[i] = residual[i] - diagonal[i] * correction[i]
          + down[i] * correction[i + stride] + down[i - stride] * correction[i - stride]
          + right[i] * correction[i + 1] + right[i - 1] * correction[i - 1];
      }
    }
  }

  /* A damped Jacobi step. */
  function smooth(level, residual, damping) {
    const { correction, remainder, inverse } = level;
    remainderOf(level, residual);
    for (let i = 0; i < correction.length; i++) {
      correction[i] += damping * inverse[i] * remainder[i];
    }
  }

  Object.assign(globalThis.diffkeras, { predict, weights: {} });
})();
