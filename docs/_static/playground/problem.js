/* What is asked, and Newton's method for it: F(u) = A u + φ(u) − s = 0 on the free nodes, with the
   saturating uptake φ(u) = v u / (K + u), which goes on as its tangent below 0 (as in
   diffkeras/physics/equations.py). Without uptake, one step solves it. */
(function () {
  "use strict";
  const {
    ROUNDING, zeros, eachNode, withGhosts, equationsOf, amongFree, apply, applyWithSizes, largest,
    Hierarchy, solveLinear,
  } = globalThis.diffkeras;

  /* The sum of two arrays; null is 0. */
  function sum(array, other) {
    const result = array.slice();
    if (other) for (let i = 0; i < result.length; i++) result[i] += other[i];
    return result;
  }

  class Problem {
    /* parts: {rows, columns, image, fixed, production, diffusivity, decay, uptake, saturation,
       boundary}, arrays row by row. `fixed` says which nodes hold the value of `image`; by default
       those where it isn't 0. `uptake` is v and `saturation` K. `fixed`, `production` and `uptake`
       may be left out. The boundary is "reflecting", "absorbing" or "periodic" on all sides, and
       the unit of length is the lattice step. */
    constructor(parts) {
      const { rows, columns } = parts;
      this.parts = parts;
      this.equations = equationsOf(rows, columns, parts.diffusivity, parts.decay, parts.boundary);
      this.values = zeros(this.equations);
      this.free = zeros(this.equations);
      this.production = zeros(this.equations);
      this.hasFree = false;
      eachNode(this.equations, (i, k) => {
        if (parts.fixed ? parts.fixed[k] : parts.image[k] !== 0) {
          this.values[i] = parts.image[k];
        } else {
          this.free[i] = 1;
          this.hasFree = true;
          if (parts.production) this.production[i] = parts.production[k];
        }
      });
      this.amongFree = amongFree(this.equations, this.free);
      this.setUptake(parts);
      this.iterations = 0;
    }

    setUptake({ uptake, saturation }) {
      this.isLinear = !uptake || !uptake.some((maximum) => maximum > 0);
      if (this.isLinear) return;
      this.maximum = withGhosts(this.equations, uptake);
      this.constant = withGhosts(this.equations, saturation).map((value) => value || 1);
      for (let i = 0; i < this.free.length; i++) this.maximum[i] *= this.free[i];
    }

    /* An array of the free nodes: f(i) there, and 0 elsewhere. */
    onFree(f) {
      const { free } = this, result = zeros(this.equations);
      for (let i = 0; i < free.length; i++) if (free[i]) result[i] = f(i);
      return result;
    }

    /* A field on the free nodes, with the fixed nodes' values on the others. */
    withFixedValues(field) {
      const result = Float64Array.from(this.values);
      if (field) for (let i = 0; i < result.length; i++) if (this.free[i]) result[i] = field[i];
      return result;
    }

    rate(field, i) {
      return this.maximum[i] * field[i] / (this.constant[i] + Math.max(field[i], 0));
    }

    /* A share of φ'(u + radius); null if there is no uptake. φ is concave, so that φ'(u + radius) is
       at most the slope between u − radius and u + radius. */
    slope(field, radius = 0, share = 1) {
      if (this.isLinear) return null;
      const { maximum, constant } = this, result = zeros(this.equations);
      for (let i = 0; i < result.length; i++) {
        if (maximum[i] === 0) continue;
        const whole = constant[i] + Math.max(field[i] + radius, 0);
        result[i] = share * maximum[i] * constant[i] / (whole * whole);
      }
      return result;
    }

    /* s − A u − φ(u) */
    residual(field) {
      const { free, production, isLinear } = this;
      const result = apply(this.equations, field, zeros(this.equations));
      for (let i = 0; i < free.length; i++) {
        result[i] = free[i] ? production[i] - result[i] : 0;
        if (!isLinear && this.maximum[i]) result[i] -= this.rate(field, i);
      }
      return result;
    }

    /* At least |s − A u − φ(u)|, with the rounding of its computation. */
    residualBound(field) {
      const { free, production, isLinear } = this;
      const result = zeros(this.equations), sizes = zeros(this.equations);
      applyWithSizes(this.equations, field, result, sizes);
      for (let i = 0; i < free.length; i++) {
        if (!free[i]) {
          result[i] = 0;
          continue;
        }
        const taken = isLinear ? 0 : this.rate(field, i);
        const size = sizes[i] + Math.abs(production[i]) + Math.abs(taken);
        result[i] = Math.abs(production[i] - result[i] - taken) + ROUNDING * size;
      }
      return result;
    }

    /* A + d of all nodes for slopes d; null stands for A. */
    operator(slope) {
      const { equations } = this;
      if (!slope) return this.withoutSlope ??= { equations, slope };
      return { equations: { ...equations, drain: sum(equations.drain, slope) }, slope };
    }

    /* About (A + d)⁻¹b on the free nodes. */
    solveLinear(operator, b, aim) {
      const { amongFree: base } = this;
      this.hierarchy ??= new Hierarchy({ ...base });
      if (this.hierarchyOf !== operator) { // the same couplings with other drains
        if (!this.isLinear) this.hierarchy.setDrain(sum(base.drain, operator.slope));
        this.hierarchyOf = operator;
      }
      const { solution, iterations } = solveLinear(this.hierarchy, b, aim);
      this.iterations += iterations;
      return solution;
    }

    /* Corrects a field in place by steps of Newton's method until no |residual| is above `aim`, or
       they don't help any more. Each reduces the residual of its linear equations to `share`. */
    correct(field, aim, share, mostSteps) {
      const isPositive = !this.isLinear && this.isPositive();
      let last = Infinity;
      for (let step = 0; step < mostSteps; step++) {
        const residual = this.residual(field), size = largest(residual);
        if (!(size > aim) || (this.isLinear && !(size < last / 2))) return;
        last = size;
        const operator = this.operator(this.slope(field));
        const added = this.solveLinear(operator, residual, Math.max(aim / 2, share * size));
        for (let i = 0; i < field.length; i++) {
          field[i] += added[i];
          if (isPositive && field[i] < 0) field[i] = 0;
        }
      }
    }

    /* Whether fixed values and production are ≥ 0, so that the field is, too. */
    isPositive() {
      return !this.values.some((value) => value < 0) && !this.production.some((s) => s < 0);
    }
  }

  Object.assign(globalThis.diffkeras, { Problem, sum });
})();
