"""The claim that images exist on which a surrogate is worse than any test shows."""

import json
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


def edge_cases_exist(data: StudyData) -> Verdict:
    """Of the images that the searches found, only those count that could well be drawn: no disc of
    a value below 0.001, and no three discs whose centres are within one step of each other. Holds
    if, for every surrogate, one of them has a larger error than both every test image and every one
    of as many random images as the search tried. Does not hold if that is so for none."""
    if data.searches is None or data.searches.empty:
        raise TooFewRunsError("no search has finished yet")
    searches = data.searches.assign(ordinary=data.searches["discs"].map(is_ordinary))
    beyond, words, shares = [], [], []
    for _, rows in searches.groupby("run", sort=False):
        counted = rows[rows["ordinary"]]
        largest = counted["found_error"].max() if len(counted) else 0.0
        test, random = rows["test_max_error"].max(), rows["random_error"].max()
        beyond.append(largest > max(test, random))
        shares.append(largest / max(test, random))
        found = f"{largest / test:.2f}" if len(counted) else "none counts"
        words.append(f"{found} (random {random / test:.2f})")
    return Verdict(
        decide(holds=all(beyond), fails=not any(beyond)),
        f"largest error that counts / largest of the test set, for each surrogate, and the largest "
        f"of as many random images: {', '.join(words)}; {int(searches['ordinary'].sum())} of "
        f"{len(searches)} finds count; the proven bounds failed for "
        f"{int(searches['violations'].sum())} of {int(searches['certified_images'].sum())} images",
        key=f"search / test set and random images: {min(shares):.2f} to {max(shares):.2f}",
    )


def is_ordinary(discs: str) -> bool:
    """Whether an image could well be drawn, from its discs as in the table of searches."""
    found: dict[str, Any] = json.loads(discs)
    centres = pd.DataFrame({"row": found["rows"], "column": found["columns"]}).to_numpy(float)
    distances = ((centres[:, None] - centres[None]) ** 2).sum(axis=-1) ** 0.5
    together = (distances <= NEAREST).sum(axis=1).max()
    return bool(min(found["values"]) >= SMALLEST_VALUE and together <= MOST_TOGETHER)
