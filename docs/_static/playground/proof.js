/* Proven bounds of the error of any field û, as in diffkeras/physics/proofs/enclosure.py.

   Let b ≥ 0 be 0 on the fixed nodes, and d at most the slopes of φ between û − b and û + b. If
   (A + d) b ≥ |F(û)| on the free nodes, û − b is a subsolution and û + b a supersolution, and the
   exact field u lies between them: |û − u| ≤ b. The inequality is checked on every node, and the
   rounding of the check is allowed for, so that how b was found plays no part. */
(function () {
  "use strict";
  const { ROUNDING, zeros, wrap, applyWithSizes, largest } = globalThis.diffkeras;

  const SLACK = 1 + 16 * 2 ** -52; // for the last operations of a bound
  const ROUNDED_DOWN = 1 - 32 * 2 ** -53; // slopes, which go through fewer roundings than that
  const LEAST_SUPPLY = 0.1; // of a barrier, whose (A + d) w is near 1
  const ROUGH = 0.3; // largest residual of a barrier
  const ATTEMPTS = 6;
  const SHARE = 0.01; // of the residual, left by a step of Newton's method
  const LEFT = 0.02; // of the residual of a field that is certified, after its correction
  const WIDER = 8; // radius of the slopes over the expected bound

  /* w ≥ 0 with (A + d) w ≥ LEAST_SUPPLY on the free nodes: {height: w, supply: at most (A + d) w},
     or null if none was found, as where nothing is lost. Of it, share · w is such a b for
     share = max |F| / ((A + d) w). `start` is a barrier of a similar problem. */
  function barrierOf(problem, operator, start) {
    const { free } = problem;
    const height = start ? problem.onFree((i) => start.height[i]) : zeros(problem.equations);
    const supply = zeros(problem.equations), sizes = zeros(problem.equations);
    for (let attempt = 0; attempt <= ATTEMPTS; attempt++) {
      applyWithSizes(operator.equations, height, supply, sizes);
      const lacking = problem.onFree((i) => 1 - supply[i]);
      let least = Infinity;
      for (let i = 0; i < free.length; i++) {
        if (!free[i]) continue;
        supply[i] -= ROUNDING * sizes[i];
        least = Math.min(least, supply[i]); // NaN if there is one
      }
      if (attempt ? least >= LEAST_SUPPLY : largest(lacking) <= ROUGH) return { height, supply };
      const added = problem.solveLinear(operator, lacking, ROUGH);
      for (let i = 0; i < free.length; i++) height[i] = Math.max(height[i] + added[i], 0);
    }
    return null;
  }

  /* b on all nodes; infinite on the free ones if none was found. `first` is what b starts from. */
  function raised(problem, operator, residual, first) {
    const { free } = problem;
    const barrier = barrierOf(problem, operator, problem.barrier);
    if (!barrier) return problem.onFree(() => Infinity);
    problem.barrier = barrier;
    const applied = zeros(problem.equations), sizes = zeros(problem.equations);
    if (first) applyWithSizes(operator.equations, first, applied, sizes);
    let share = 0;
    for (let i = 0; i < free.length; i++) {
      if (!free[i]) continue;
      const needed = (residual[i] - (applied[i] - ROUNDING * sizes[i])) * SLACK / barrier.supply[i];
      share = Math.max(share, needed); // NaN if there is one
    }
    return problem.onFree((i) => ((first ? first[i] : 0) + share * barrier.height[i]) * SLACK);
  }

  /* b that follows the residual node by node: near (A + d)⁻¹ |F|. */
  function sharp(problem, operator, residual) {
    const first = problem.solveLinear(operator, residual, 0.01 * largest(residual));
    for (let i = 0; i < first.length; i++) first[i] = Math.max(first[i], 0);
    return raised(problem, operator, residual, first);
  }

  const rough = (problem, operator, residual) => raised(problem, operator, residual, null);

  /* Proven: |û − u| ≤ the result on each node, for a field û that has the fixed values. `how` is
     `sharp` or `rough`, which takes less time and is larger far from where F isn't 0. */
  function boundOf(problem, field, how) {
    const residual = problem.residualBound(field);
    if (problem.isLinear) return how(problem, problem.operator(null), residual);
    problem.barrier ??= barrierOf(problem, problem.operator(problem.slope(field)), null);
    const height = problem.barrier ? largest(problem.barrier.height) : Infinity;
    let radius = WIDER * height * largest(residual); // of about the bound: barriers supply about 1
    for (let attempt = 0; attempt < ATTEMPTS && radius < Infinity; attempt++) {
      const least = problem.slope(field, radius, ROUNDED_DOWN);
      const bound = how(problem, problem.operator(least), residual);
      if (largest(bound) <= radius) return bound; // the slopes hold within it
      radius *= WIDER;
    }
    return how(problem, problem.operator(null), residual); // d = 0 holds everywhere
  }

  /* The exact field: {field, errorBound, size}, where no node is further than errorBound from it,
     and size is the largest value. It is corrected until errorBound ≤ tolerance · size, or rounding
     permits no better one. errorBound is infinite where nothing could be proven. */
  function solve(problem, tolerance = 1e-9, start = null) {
    // Without sources the field is 0; from the last one, no step would be small enough beside it.
    const hasSources = largest(problem.values) > 0 || largest(problem.production) > 0;
    let field = problem.withFixedValues(hasSources ? start : null);
    const unproven = () => ({ field, errorBound: Infinity, size: largest(field) });
    if (!problem.hasFree) return { field, errorBound: 0, size: largest(field) };
    const operator = problem.operator(problem.slope(field));
    const barrier = barrierOf(problem, operator, problem.barrier);
    if (!barrier) return unproven();
    problem.barrier = barrier;
    let height = largest(barrier.height), best = { errorBound: Infinity };
    let size = Math.max(largest(field), 0.01 * height * largest(problem.production));
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const aim = 0.5 * tolerance * size / height;
      problem.correct(field, aim, problem.isLinear ? 0 : SHARE, 30);
      if (!(largest(field) < Infinity)) { // it ran away
        field = problem.withFixedValues(null);
        return unproven();
      }
      const errorBound = largest(boundOf(problem, field, rough));
      size = largest(field);
      const helped = errorBound < best.errorBound / 2;
      if (errorBound < best.errorBound) best = { field: field.slice(), errorBound, size };
      if (errorBound <= tolerance * size || !helped) break;
      height *= 2;
    }
    return best.field ? best : unproven();
  }

  /* How wrong a field is at most, without the exact one: {nodeBound, errorBound}, of each node and
     of all. The field is corrected. The correction and a bound of what is left bound its error. */
  function certify(problem, prediction) {
    const { free } = problem, corrected = problem.withFixedValues(prediction);
    wrap(problem.equations, prediction); // ghost nodes are those of the opposite side here, too
    const wrong = largest(problem.residual(corrected));
    const mostSteps = problem.isLinear ? 1 : 9;
    problem.correct(corrected, LEFT * wrong, problem.isLinear ? 0 : LEFT, mostSteps);
    const bound = boundOf(problem, corrected, sharp);
    const nodeBound = zeros(problem.equations);
    for (let i = 0; i < free.length; i++) {
      nodeBound[i] = (Math.abs(prediction[i] - corrected[i]) + bound[i]) * SLACK;
      if (nodeBound[i] !== nodeBound[i]) nodeBound[i] = Infinity;
    }
    return { nodeBound, errorBound: largest(nodeBound) };
  }

  Object.assign(globalThis.diffkeras, { solve, certify });
})();
