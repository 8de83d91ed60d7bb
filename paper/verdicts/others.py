"""Edge cases, and the speed of networks and solvers."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from paper.study_data import StudyData, TooFewRunsError
from paper.verdicts.verdict import Verdict, decide

# What is rarer than one of as many random images as a search tries, 2,000, doesn't count. With four
# discs whose values are uniform on (0, 1], one below 0.001 is expected in 8 of these images. With
# five discs and 54² places, two centres within one step are expected in 34 of them, three in 0.06.
SMALLEST_VALUE = 0.001
NEAREST = 1.0  # lattice step
MOST_TOGETHER = 2
SEVERAL_ORDERS = 100.0


def beyond_the_test_set(data: StudyData) -> pd.DataFrame:
    """A row for each surrogate: the largest error that a search found on an ordinary image (NaN if
    it found none), and of as many random images, both divided by the largest of the test set."""
    if data.searches is None or data.searches.empty:
        raise TooFewRunsError("no search has finished yet")
    searches = data.searches.assign(ordinary=data.searches["discs"].map(is_ordinary))
    groups = searches.groupby("run", sort=False)
    of_ordinary = searches[searches["ordinary"]].groupby("run", sort=False)["found_error"].max()
    test = groups["test_max_error"].max()
    return pd.DataFrame(
        {"search": of_ordinary / test, "random": groups["random_error"].max() / test}
    )


def edge_cases_exist(data: StudyData) -> Verdict:
    """Images that a test set of some hundred images doesn't show: the largest error that a search
    found, divided by the largest of the test set. Of the images found, only those count that could
    well be drawn: no disc of a value below 0.001, and no three discs whose centres are within one
    step of each other. Holds if it is above 1 for every surrogate, does not hold if for none."""
    found = beyond_the_test_set(data)
    searches = data.searches
    assert searches is not None
    ordinary = int(searches["discs"].map(is_ordinary).sum())
    words = (f"{r['search']:.2f} (random {r['random']:.2f})" for _, r in found.iterrows())
    beyond = found["search"] > 1
    return Verdict(
        decide(holds=bool(beyond.all()), fails=not beyond.any()),
        f"up to {found['search'].max():.2f} times its largest error",
        f"largest error that counts / largest of the test set, and of as many random images: "
        f"{', '.join(words)}; {ordinary} of {len(searches)} finds count; the proven bounds failed "
        f"for {int(searches['violations'].sum())} of {int(searches['certified_images'].sum())} "
        "images",
    )


def is_ordinary(discs: str) -> bool:
    """Whether an image could well be drawn, from its discs as in the table of searches."""
    found: dict[str, Any] = json.loads(discs)
    centres = pd.DataFrame({"row": found["rows"], "column": found["columns"]}).to_numpy(float)
    distances = ((centres[:, None] - centres[None]) ** 2).sum(axis=-1) ** 0.5
    together = (distances <= NEAREST).sum(axis=1).max()
    return bool(min(found["values"]) >= SMALLEST_VALUE and together <= MOST_TOGETHER)


def orders_of_magnitude_faster(
    network: float, solvers: Mapping[str, float], machines: str = ""
) -> Verdict:
    """The time of one image with the network, against that of each solver of the same problem on
    the same lattice. Several orders are at least two. Holds if the network is at least 100 times as
    fast as the fastest of the solvers, does not hold if it is less than 10 times as fast.

    Args:
        network: time of one image [s].
        solvers: name → time of one image [s].
        machines: of both, and their threads, in words.
    """
    factors = {name: seconds / network for name, seconds in solvers.items()}
    fastest = min(factors, key=factors.__getitem__)
    words = (f"{name} {factor:.2g}" for name, factor in sorted(factors.items(), key=lambda x: x[1]))
    factor = factors[fastest]
    speed = f"{factor:.2g} times faster" if factor >= 1 else f"{1 / factor:.2g} times slower"
    return Verdict(
        decide(holds=factor >= SEVERAL_ORDERS, fails=factor < SEVERAL_ORDERS**0.5),
        speed,
        f"time of a solver / time of the network, {1e3 * network:.3g} ms: {', '.join(words)}"
        + f" ({machines})" * bool(machines),
    )
