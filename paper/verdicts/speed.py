"""The claim that a surrogate is faster than a solver by orders of magnitude."""

from collections.abc import Mapping

from paper.verdicts.verdict import Verdict, decide

SEVERAL_ORDERS = 100.0


def orders_of_magnitude_faster(
    network: float, solvers: Mapping[str, float], machines: str
) -> Verdict:
    """The wall time of one image with the network in all threads of a machine, against the CPU time
    in one thread of each solver of the same problem and lattice that is at least as exact. Several
    orders are at least two. Holds if the network is at least 100 times as fast as the fastest
    solver. Does not hold if it is less than 10 times as fast.

    Args:
        network: time of one image [s].
        solvers: name → time of one image [s].
        machines: of both, and their threads, in words.
    """
    factors = {name: seconds / network for name, seconds in solvers.items()}
    fastest = min(factors, key=factors.__getitem__)
    words = (f"{name} {factor:.2g}" for name, factor in sorted(factors.items(), key=lambda x: x[1]))
    return Verdict(
        decide(
            holds=factors[fastest] >= SEVERAL_ORDERS, fails=factors[fastest] < SEVERAL_ORDERS**0.5
        ),
        f"CPU time of a solver / wall time of the network, {1e3 * network:.0f} ms: "
        f"{', '.join(words)} ({machines})",
        key=f"fastest solver: {factors[fastest]:.2g} of the network's time",
    )
