"""Calibrate six rates of a tissue by MCMC, with a reduced basis and with `solve`.

    python -m benchmarks.calibration

Oxygen in the shipped family "tumour" was measured by 166 probes, with noise of 2 mmHg. emcee's 32
walkers sample the posterior of the six logarithms, which are equally likely within their ranges
before. Each field has a proven bound b of its error: with misfits r, both in units of the noise,
its log-likelihood is wrong by at most Σ (|r| b + b²/2). Both samplers compute fields to smaller
tolerances until that is at most 0.1, and stop with an error if the smallest one doesn't suffice. So
every density that either of them has seen is within a factor of e^0.1 of the exact one. The
surrogate's fields are from `predict`; the other one's are from `solve`, starting at the last field,
which belongs to another walker. The nearest snapshot is the better start (`benchmarks.families`),
but the shipped basis has no snapshots.

Posteriors are compared by the Wasserstein distance of each marginal, in its standard deviations.
The Monte-Carlo error is the median and the largest distance between the rest of the surrogate's
chain and parts of it that are as long as the other sampler's. The correlation is from the longer
chain, the largest of the six rates, which is uncertain if that chain is short; the caption has its
length. At some samples of the surrogate, log-likelihoods are also computed by `solve` to 1e-9.
Times are CPU times in one thread, in which the samplers take turns.
"""

from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import click
import emcee
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance
from threadpoolctl import threadpool_limits

from benchmarks.shared.command import RESULTS, command
from benchmarks.shared.measures import cpu_turns
from benchmarks.shared.tables import describe_machine, describe_times, write_table
from diffkeras.errors import PhysicsError
from diffkeras.physics import ReducedBasis, Solution, load_family, solve
from diffkeras.reporting.style import BLUE, WIDTH, new_figure
from docs.pictures.saving import IMAGES, save

NOISE, SLACK, WALKERS = 2.0, 0.1, 32  # mmHg; of log-likelihoods
TOLERANCES = (1e-4, 1e-5, 1e-7)
TRUE = (8.0, 4.0, 1.2, 2.5, 0.01, 40.0)
PROBES = (slice(2, None, 5), slice(2, None, 5))  # 13 × 13, of which 3 are in vessels
BURN_IN = 0.2  # share of the steps
CHECKED = 500  # samples
TURNS = 25
BINS = 30
BAND: Any = {"fill": True, "color": "0.5", "alpha": 0.4, "label": "basis, parts of its chain"}
TRUSTED = 50  # correlation times of a chain from which on emcee trusts its estimate of them


class Chain(NamedTuple):
    """What a sampler did: samples (steps, walkers, 6) after the burn-in, fields, CPU seconds."""

    samples: NDArray[np.float64]
    fields: int
    computed: int
    worst: float
    seconds: float

    @property
    def flat(self) -> NDArray[np.float64]:
        return self.samples.reshape(-1, self.samples.shape[-1])


class Posterior:
    """A log-posterior, which counts what it computes."""

    def __init__(self, basis: ReducedBasis, surrogate: bool) -> None:
        self._family, self._basis, self._surrogate = basis.family, basis, surrogate
        self._last: NDArray[np.floating] | None = None
        self.free = ~basis.family.problem.fixed[PROBES]
        exact = solve(basis.family.problem_at(TRUE)).field[PROBES][self.free]
        noise = np.random.default_rng(0).normal(0, NOISE, exact.shape)
        self.measured, self.fields, self.computed, self.worst = exact + noise, 0, 0, 0.0

    def __call__(self, logarithms: NDArray[np.float64]) -> float:
        point = np.exp(logarithms)
        if not self._family.contains(point):
            return -np.inf
        self.fields += 1
        for tolerance in TOLERANCES:
            solution = self._field(point, tolerance)
            self.computed += 1
            misfit = (solution.field[PROBES][self.free] - self.measured) / NOISE
            bound = solution.node_bound[PROBES][self.free] / NOISE
            slack = float(np.sum(np.abs(misfit) * bound + bound**2 / 2))
            if slack <= SLACK:
                break
        else:
            raise PhysicsError(f"a log-likelihood is uncertain by {slack:.2g}, not {SLACK:g}")
        self.worst = max(self.worst, slack)
        return -0.5 * float(np.sum(misfit**2))

    def _field(self, point: NDArray[np.float64], tolerance: float) -> Solution:
        if self._surrogate:
            return self._basis.predict(point, tolerance)
        solution = solve(self._family.problem_at(point), tolerance=tolerance, initial=self._last)
        self._last = solution.field
        return solution


class Sampler:
    """A sampler whose steps are made in turns."""

    def __init__(self, basis: ReducedBasis, surrogate: bool, fields: int, seed: int) -> None:
        self._posterior, self._steps = Posterior(basis, surrogate), fields // WALKERS
        state = np.random.RandomState(seed)
        start = np.log(TRUE) + state.uniform(-0.2, 0.2, (WALKERS, len(TRUE)))
        self._sampler = emcee.EnsembleSampler(WALKERS, len(TRUE), self._posterior)
        self._sampler.random_state = state.get_state()
        self._walk = self._sampler.sample(start, iterations=self._steps)

    def turn(self) -> None:
        for _ in islice(self._walk, -(-self._steps // TURNS)):
            pass

    def chain(self, seconds: float) -> Chain:
        """What all turns made in that time."""
        samples = self._sampler.get_chain(discard=int(BURN_IN * self._steps))
        made = self._posterior
        return Chain(samples, made.fields, made.computed, made.worst, seconds)


def distances(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Wasserstein distances of the marginals, in standard deviations of the first ones."""
    pairs = zip(one.T, other.T, strict=True)
    return np.array([wasserstein_distance(a, b) / a.std() for a, b in pairs])


def monte_carlo_error(chain: Chain, steps: int) -> NDArray[np.float64]:
    """Distances of parts of a chain to the rest of it, (parts, 6)."""
    parts = []
    for begin in range(0, len(chain.samples) - steps + 1, steps):
        part = chain.samples[begin : begin + steps]
        rest = np.delete(chain.samples, np.arange(begin, begin + steps), axis=0)
        parts.append(distances(*(s.reshape(-1, s.shape[-1]) for s in (rest, part))))
    return np.array(parts)


def differences(basis: ReducedBasis, chain: Chain) -> NDArray[np.float64]:
    """How wrong log-likelihoods are at some samples, up to the error of fields to 1e-9."""
    posterior, found = Posterior(basis, True), []
    for sampled in chain.flat[:: max(len(chain.flat) // CHECKED, 1)]:
        exact = solve(basis.family.problem_at(np.exp(sampled)), tolerance=1e-9).field
        misfit = exact[PROBES][posterior.free] - posterior.measured
        found.append(abs(posterior(sampled) + 0.5 * float(np.sum((misfit / NOISE) ** 2))))
    return np.array(found)


def row_of(name: str, chain: Chain, correlation: float) -> list[str]:
    return [
        name,
        f"{chain.fields:,}",
        f"{chain.seconds:,.0f}",
        f"{1e3 * chain.seconds / chain.fields:.2f}",
        f"{chain.computed / chain.fields:.2f}",
        f"{chain.worst:.2f}",
        f"{correlation:.0f}",
        f"{chain.samples.shape[0] * WALKERS / correlation:,.0f}",
    ]


def draw(basis: ReducedBasis, chains: dict[str, Chain]) -> Figure:
    """The tissue with the probes, and the marginals of both samplers.

    A band shows the histograms of parts of the surrogate's chain as long as the other one, so the
    Monte-Carlo error.
    """
    family, (surrogate, classical) = basis.family, chains.values()
    figure = new_figure(WIDTH, 9.4)
    axes = figure.subplot_mosaic("aa;bc;de;fg", height_ratios=(3.4, 1.4, 1.4, 1.4))
    image = axes["a"].imshow(basis.fields(np.array(TRUE)))
    kinds = [parameter for parameter in family.parameters if parameter.part == "uptake.maximum"]
    for parameter, colour in zip(kinds[:2], "wk", strict=True):
        mask = np.zeros(family.problem.values.size)
        mask[parameter.nodes] = 1.0
        axes["a"].contour(mask.reshape(family.problem.lattice), [0.5], colors=colour)
    nodes = np.indices(family.problem.lattice)
    axes["a"].plot(nodes[1][PROBES], nodes[0][PROBES], "r.", markersize=3)
    axes["a"].set(title="Tumour (white), immune cells (black), probes", xlabel="column, 10 µm each")
    figure.colorbar(image, ax=axes["a"], label="oxygen [mmHg]")
    units = ["mmHg/s"] * 3 + ["mmHg", "1/s", "mmHg"]
    for number, (panel, name) in enumerate(zip("bcdefg", family.names, strict=True)):
        own, other = (np.exp(chain.samples[..., number]) for chain in (surrogate, classical))
        low, high = np.quantile(own, [0.0005, 0.9995])
        bins = np.linspace(low, high, BINS)
        steps = len(classical.samples)
        parts = [
            np.histogram(own[start : start + steps], bins, density=True)[0]
            for start in range(0, len(own) - steps + 1, steps)
        ]
        axis = axes[panel]
        axis.stairs(np.max(parts, axis=0), bins, baseline=np.min(parts, axis=0), **BAND)
        axis.stairs(np.histogram(own, bins, density=True)[0], bins, color="0.4", label="basis")
        axis.stairs(np.histogram(other, bins, density=True)[0], bins, color=BLUE, label="solve")
        axis.axvline(TRUE[number], color="r", label="true")
        axis.set(title=name.replace("[", "\n["), yticks=[], xlabel=units[number], ylim=(0, None))
        axis.xaxis.set_major_locator(MaxNLocator(4))
    handles, labels = axes["b"].get_legend_handles_labels()
    look: Any = {"frameon": False, "fontsize": 9.5}
    figure.legend(handles, labels, loc="outside lower left", ncols=2, **look)
    return figure


@command(__doc__, "calibration", "the tables, without .csv and _marginals.csv")
@click.option("--fields", default=200_000, help="Fields by the surrogate.")
@click.option("--solved", default=60_000, help="Fields by `solve`.")
def main(fields: int, solved: int, output: Path) -> None:
    basis = load_family("tumour")
    samplers = [Sampler(basis, True, fields, 0), Sampler(basis, False, solved, 1)]
    with threadpool_limits(limits=1):
        times = cpu_turns([sampler.turn for sampler in samplers], TURNS, untimed=False)
    surrogate, classical = (s.chain(sum(took)) for s, took in zip(samplers, times, strict=True))
    chains = {"reduced basis": surrogate, "solve": classical}
    columns = [
        "sampler",
        "fields",
        "CPU [s]",
        "per field [ms]",
        "computed per field",
        "largest slack",
        "correlation [steps]",
        "independent samples",
    ]
    correlation = emcee.autocorr.integrated_time(surrogate.samples, quiet=True).max()
    wrong = differences(basis, surrogate)
    length = len(surrogate.samples) / correlation
    caption = (
        f"The longer chain is {length:.0f} correlation times long (emcee trusts its estimate of "
        f"them from {TRUSTED} on). Largest difference of log-likelihoods at {len(wrong)} samples: "
        f"{wrong.max():.1e}, median {np.median(wrong):.1e}. "
        f"{describe_times(f'the sum of {TURNS} turns')}"
    )
    rows = [row_of(*pair, correlation) for pair in chains.items()]
    write_table(rows, columns, output, caption)
    apart = distances(surrogate.flat, classical.flat)
    noise = monte_carlo_error(surrogate, len(classical.samples))
    rows = []
    for number, name in enumerate(basis.family.names):
        middles = [np.exp(chain.flat[:, number].mean()) for chain in chains.values()]
        spreads = [chain.flat[:, number].std() for chain in chains.values()]
        each = [f"{m:.3g} ± {s:.0%}" for m, s in zip(middles, spreads, strict=True)]
        rows.append([f"`{name}`", f"{TRUE[number]:g}", *each, f"{apart[number]:.3f}"])
        rows[-1].append(f"{np.median(noise[:, number]):.3f}")
        rows[-1].append(f"{noise[:, number].max():.3f}")
    caption = f"Means and standard deviations of logarithms. {describe_machine(threads=1)}"
    names = ["rate", "true", *chains, "distance", "Monte-Carlo error", "largest"]
    write_table(rows, names, output.with_name(f"{output.name}_marginals"), caption)
    save("calibration", draw(basis, chains), IMAGES if output.parent == RESULTS else output.parent)


if __name__ == "__main__":
    main()
