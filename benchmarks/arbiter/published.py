"""The numbers that other programs have published, with the files that hold them.

Paths are in https://github.com/PerMedCoE/observatory_benchmark at commit 237de17b, below
multiscale_benchmark/2022_09_hackathon/, in molecules or in µM as written there.
"""

from dataclasses import dataclass

from benchmarks.arbiter.readings import MANY_SINKS, MOLECULES, ONE_SINK, UnitTest


@dataclass(frozen=True)
class Published:
    """The last value of a program's run.

    Attributes:
        test: which test.
        tool: which program, and which of its runs.
        path: the file.
        value: its last value [µM].
        reading: key of the reading that it fits; none if no reading gives this number.
        why: what is known about the rest.
    """

    test: UnitTest
    tool: str
    path: str
    value: float
    reading: str | None
    why: str


COMPARED = "OpenEBench_DAta/data/unit_test_diffusion"
RUNS = "Physicell/output/new_results/diffusion_v1_"

PUBLISHED = (
    Published(
        ONE_SINK,
        "BioDynaMo, as compared",
        f"{COMPARED}/bdnm_diffusion.csv",
        5740.971326 / MOLECULES,
        "zero-order",
        "it is written between the diffusion and the uptake of a time step",
    ),
    Published(
        ONE_SINK,
        "BioDynaMo, its later run",
        "Biodynamo/unit_test_diffusion_small/data.csv",
        9.33333,
        "zero-order",
        "the steady state",
    ),
    Published(
        ONE_SINK,
        "Chaste",
        f"{COMPARED}/chaste_diffusion.csv",
        5757.48792562 / MOLECULES,
        "nodes-quadrature",
        "3³ nodes over 60 µm are 30 µm apart",
    ),
    Published(
        ONE_SINK,
        "PhysiCell, as compared",
        f"{COMPARED}/pc_diffusion.csv",
        6021.998972056139 / MOLECULES,
        None,
        "as good as no uptake; an archived run with a rate of 6.17e-5/min gives 6021.99898",
    ),
    Published(
        ONE_SINK,
        "PhysiCell, its later run",
        f"{RUNS}U12044/final_microenvironment0.mat",
        5664.922387663928 / MOLECULES,
        "first-order-weighted",
        "the rest is the splitting of its time step",
    ),
    Published(
        ONE_SINK,
        "TiSim",
        f"{COMPARED}/tisim_diffusion.csv",
        6020.7956 / MOLECULES,
        None,
        "written with three decimals, 9.998 µM; an uptake of 0.06 µM/min would give it",
    ),
    Published(
        MANY_SINKS,
        "BioDynaMo, as compared",
        f"{COMPARED}_1k/bdnm_diffusion.csv",
        3523.98407 / MOLECULES,
        None,
        'its walls were "closed", and it started from 10 µM',
    ),
    Published(
        MANY_SINKS,
        "BioDynaMo, its later run",
        "Biodynamo/unit_test_diffusion_1k/data.csv",
        5.55467,
        "zero-order-stopping",
        "the steady state",
    ),
    Published(
        MANY_SINKS,
        "Chaste, as compared",
        f"{COMPARED}_1k/chaste_diffusion.csv",
        1176.6917602820001 / MOLECULES,
        "nodes-quadrature",
        "a box of 330 µm, not yet steady after 10 min; negative inside",
    ),
    Published(
        MANY_SINKS,
        "Chaste, its later run",
        "Chaste/unit_test_diffusion_1k/results/TestDiffusionSmall12.dat",
        9.99864918,
        "zero-order-molecules",
        "the rest is not explained",
    ),
    Published(
        MANY_SINKS,
        "PhysiCell, as compared",
        f"{COMPARED}_1k/pc_diffusion.csv",
        6021.977740430944 / MOLECULES,
        None,
        "as good as no uptake, as with one sink",
    ),
    Published(
        MANY_SINKS,
        "PhysiCell, its later run",
        f"{RUNS}u12044_1k/final_microenvironment0.mat",
        4713.483947697934 / MOLECULES,
        "first-order-apart",
        "the rest is the splitting of its time step",
    ),
    Published(
        MANY_SINKS,
        "TiSim",
        f"{COMPARED}_1k/tisim_diffusion.csv",
        6019.495294074076 / MOLECULES,
        None,
        "the mean of 27 values, not of 1,728, and they still fluctuate",
    ),
)
