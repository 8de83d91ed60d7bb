"""The numbers that other programs have published, with the files that hold them.

The file of each is above it, in https://github.com/PerMedCoE/observatory_benchmark at commit
237de17b, below multiscale_benchmark/2022_09_hackathon/, in molecules or in µM as written there.
"""

from dataclasses import dataclass

from benchmarks.arbiter.readings import MANY_SINKS, MOLECULES, ONE_SINK, UnitTest


@dataclass(frozen=True)
class Published:
    """The last value of a program's run.

    Attributes:
        test: which test.
        tool: which program, and which of its runs.
        value: its last value [µM].
        reading: key of the reading that it fits; none if no reading gives this number.
        why: what is known about the rest.
    """

    test: UnitTest
    tool: str
    value: float
    reading: str | None
    why: str


PUBLISHED = (
    # OpenEBench_DAta/data/unit_test_diffusion/bdnm_diffusion.csv
    Published(
        ONE_SINK,
        "BioDynaMo, as compared",
        5740.971326 / MOLECULES,
        "zero-order",
        "it is written between the diffusion and the uptake of a time step",
    ),
    # Biodynamo/unit_test_diffusion_small/data.csv
    Published(
        ONE_SINK,
        "BioDynaMo, its later run",
        9.33333,
        "zero-order",
        "the steady state",
    ),
    # OpenEBench_DAta/data/unit_test_diffusion/chaste_diffusion.csv
    Published(
        ONE_SINK,
        "Chaste",
        5757.48792562 / MOLECULES,
        "nodes-quadrature",
        "3³ nodes over 60 µm are 30 µm apart",
    ),
    # OpenEBench_DAta/data/unit_test_diffusion/pc_diffusion.csv
    Published(
        ONE_SINK,
        "PhysiCell, as compared",
        6021.998972056139 / MOLECULES,
        None,
        "as good as no uptake; an archived run with a rate of 6.17e-5/min gives 6021.99898",
    ),
    # Physicell/output/new_results/diffusion_v1_U12044/final_microenvironment0.mat
    Published(
        ONE_SINK,
        "PhysiCell, its later run",
        5664.922387663928 / MOLECULES,
        "first-order-weighted",
        "the rest is the splitting of its time step",
    ),
    # OpenEBench_DAta/data/unit_test_diffusion/tisim_diffusion.csv
    Published(
        ONE_SINK,
        "TiSim",
        6020.7956 / MOLECULES,
        None,
        "written with three decimals, 9.998 µM; an uptake of 0.06 µM/min would give it",
    ),
    # OpenEBench_DAta/data/unit_test_diffusion_1k/bdnm_diffusion.csv
    Published(
        MANY_SINKS,
        "BioDynaMo, as compared",
        3523.98407 / MOLECULES,
        None,
        'its walls were "closed", and it started from 10 µM',
    ),
    # Biodynamo/unit_test_diffusion_1k/data.csv
    Published(
        MANY_SINKS,
        "BioDynaMo, its later run",
        5.55467,
        "zero-order-stopping",
        "the steady state",
    ),
    # OpenEBench_DAta/data/unit_test_diffusion_1k/chaste_diffusion.csv
    Published(
        MANY_SINKS,
        "Chaste, as compared",
        1176.6917602820001 / MOLECULES,
        "nodes-quadrature",
        "a box of 330 µm, not yet steady after 10 min; negative inside",
    ),
    # Chaste/unit_test_diffusion_1k/results/TestDiffusionSmall12.dat
    Published(
        MANY_SINKS,
        "Chaste, its later run",
        9.99864918,
        "zero-order-molecules",
        "the rest is not explained",
    ),
    # OpenEBench_DAta/data/unit_test_diffusion_1k/pc_diffusion.csv
    Published(
        MANY_SINKS,
        "PhysiCell, as compared",
        6021.977740430944 / MOLECULES,
        None,
        "as good as no uptake, as with one sink",
    ),
    # Physicell/output/new_results/diffusion_v1_u12044_1k/final_microenvironment0.mat
    Published(
        MANY_SINKS,
        "PhysiCell, its later run",
        4713.483947697934 / MOLECULES,
        "first-order-apart",
        "the rest is the splitting of its time step",
    ),
    # OpenEBench_DAta/data/unit_test_diffusion_1k/tisim_diffusion.csv
    Published(
        MANY_SINKS,
        "TiSim",
        6019.495294074076 / MOLECULES,
        None,
        "the mean of 27 values, not of 1,728, and they still fluctuate",
    ),
)
