"""PhysiCell's cells with steady fields: pyphysicell, its diffusion step replaced by `dk.solve`.

    pip install pyphysicell
    python docs/examples/physicell_in_python.py

`use_steady_fields(simulation)` is what you need for your own model. The rest is an example: a
tumour in 0.8 × 0.8 mm² of tissue whose walls hold oxygen, run with PhysiCell's own steps of 0.01
and 0.001 min until nothing changes, and with the steady field; then hours of growth in both.
"""

import time

import numpy as np
from numpy.typing import NDArray

import diffkeras as dk

try:
    import pyphysicell as pc
except ModuleNotFoundError as missing:
    raise SystemExit(f"{missing}: `pip install pyphysicell` installs it") from None

HOURS = 4
MINUTES = 5.0  # the field of resting cells then no longer changes


class SteadyMicroenvironment(pc.Microenvironment):
    """Fields that are steady for the cells as they are.

    The cells' secretion and uptake are part of the steady field. PhysiCell applies them once more
    after each step of diffusion, to the array that `density` gives it. So `density` gives a copy:
    what cells have taken up is counted, and the field stays as it is. The count is PhysiCell's, of
    first order in the step of diffusion, so keep that short if you need the count. To change a
    field, assign to `density`, as `density[...] = 38` changes the copy only.

    Args:
        simulation: whose cells it follows.
        every: time after which cells have changed so much that the fields are found again [min].
        tolerance: of each field, relative to its largest value.
    """

    def __init__(
        self, simulation: pc.Simulation, every: float = 1.0, tolerance: float = 1e-4
    ) -> None:
        self._simulation, self._every, self._tolerance = simulation, every, tolerance
        self._last: list[NDArray[np.floating] | None] = []
        self._next = simulation.t
        super().__init__(simulation.model)
        if not self.dx == self.dy and (self.is2d or self.dx == self.dz):
            raise dk.DiffkerasError(f"voxels must be cubes, not {self.dx} × {self.dy} × {self.dz}")
        self._last = [None] * self.ns
        self.step(0.0)

    @property
    def density(self) -> NDArray[np.float64]:
        """(nz, ny, nx, substrates): a copy, once the first steady field is there."""
        return self._steady.copy() if self._last else self._steady

    @density.setter
    def density(self, values: NDArray[np.float64]) -> None:
        self._steady = values

    def step(self, dt: float) -> None:
        """The steady fields, if they are due; the length of the step has no effect on them."""
        if self._simulation.t < self._next - 1e-9:
            return
        self._next = self._simulation.t + self._every
        for index in range(self.ns):
            found = dk.solve(
                self.problem(index), initial=self._last[index], tolerance=self._tolerance
            )
            self._last[index] = found.field
            self._steady[..., index] = found.field

    def problem(self, index: int) -> dk.Problem:
        """What the field of a substrate solves, in µm and min."""
        substrate = self.model.substrates[index]
        production, uptake = self._exchange(index)
        values, fixed = np.zeros((2, self.nx * self.ny * self.nz))
        held = self.dirichlet_mask[:, index].astype(bool)
        values[self.dirichlet_idx[held]] = self.dirichlet_val[held, index]
        fixed[self.dirichlet_idx[held]] = 1
        lattice = (self.ny, self.nx) if self.is2d else (self.nz, self.ny, self.nx)
        medium = dk.Medium(
            substrate.diffusion_coefficient,
            substrate.decay_rate,
            self.dx,
            boundary="reflecting",
        )
        return dk.Problem(
            values.reshape(lattice),
            fixed=fixed.reshape(lattice).astype(bool),
            production=production.reshape(lattice),
            uptake=uptake.reshape(lattice),
            medium=medium,
        )

    def _exchange(self, index: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Production and rate constant of uptake of the voxels: w S ρ* + E/V and w (S + U)."""
        cells = self._simulation.cells
        shape = np.array([self.nx, self.ny, self.nz])
        step = np.array([self.dx, self.dy, self.dz])
        places = (cells.view("position") - np.array(self.origin)) // step
        x, y, z = np.clip(places.astype(int), 0, shape - 1).T
        voxels = (z * self.ny + y) * self.nx + x
        weight = cells.view("volume_total") / self.voxel_volume
        secretion = weight * cells.view("secretion_rate")[:, index]
        exported = cells.view("net_export_rate")[:, index] / self.voxel_volume
        made = secretion * cells.view("secretion_target")[:, index] + exported
        taken = secretion + weight * cells.view("uptake_rate")[:, index]
        number = self.nx * self.ny * self.nz
        production = np.bincount(voxels, made, minlength=number)
        return production, np.bincount(voxels, taken, minlength=number)


def use_steady_fields(
    simulation: pc.Simulation, every: float = 1.0, tolerance: float = 1e-4
) -> None:
    """Let a simulation have steady fields from now on, as `SteadyMicroenvironment`."""
    simulation.microenvironment = SteadyMicroenvironment(simulation, every, tolerance)


def tumour(step: float, *, grows: bool = False) -> pc.Simulation:
    """A disc of cells in tissue whose walls hold 38 mmHg, with that step of diffusion [min]."""
    walls = dict.fromkeys(("xmin", "xmax", "ymin", "ymax"), (True, 38.0))
    oxygen = pc.Substrate("oxygen", 1e5, 0.1, initial_condition=38.0, dirichlet_faces=walls)
    cycle = pc.Cycle(transition_rates={(0, 0): 1e-3 if grows else 0.0})
    takes = {"oxygen": pc.SecretionEntry(uptake_rate=10.0)}
    model = pc.Model(
        domain=pc.Domain(-400, 400, -400, 400, -10, 10),
        time=pc.Time(dt_diffusion=step, dt_mechanics=max(step, 0.1)),
        substrates=[oxygen],
        cell_types=[pc.CellType("cancer", cycle=cycle, secretion=takes)],
    )
    simulation = pc.Simulation(model, seed=1)
    places = np.random.default_rng(1).uniform(-250, 250, (1500, 3)) * (1, 1, 0)
    simulation.add_cells(places[np.hypot(*places.T[:2]) < 250], "cancer")
    return simulation


def rest(step: float) -> NDArray[np.float64]:
    """The oxygen [mmHg], (ny, nx), after PhysiCell's own steps, with cells that don't change."""
    simulation = tumour(step)
    simulation._next_mechanics = simulation._next_phenotype = np.inf
    simulation.run(until=MINUTES)
    return simulation.microenvironment["oxygen"][0]


def main() -> None:
    """Compare."""
    start = time.process_time()
    simulation = tumour(0.1)
    use_steady_fields(simulation, tolerance=1e-8)
    steady = simulation.microenvironment["oxygen"][0]
    print(f"steady: {time.process_time() - start:.2f} s, {steady.min():.3f} mmHg at least")
    for step in (0.01, 0.001):
        start = time.process_time()
        own = rest(step)
        seconds = time.process_time() - start
        away = np.abs(own - steady).max()
        print(f"PhysiCell, step {step} min: {seconds:.2f} s, {away:.3f} mmHg from it")
    for name, step in (("PhysiCell", 0.01), ("steady", 0.1)):
        start = time.process_time()
        simulation = tumour(step, grows=True)
        if name == "steady":
            use_steady_fields(simulation)
        simulation.run(until=60.0 * HOURS)
        seconds = time.process_time() - start
        mean = simulation.microenvironment["oxygen"].mean()
        print(
            f"{HOURS} hours, {name}: {seconds:.1f} s, {simulation.cells.n} cells, {mean:.2f} mmHg"
        )


if __name__ == "__main__":
    main()
