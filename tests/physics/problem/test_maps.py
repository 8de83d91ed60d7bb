"""Problems of maps and of label images: what they are, and what is refused."""

import numpy as np
import pytest

import diffkeras as dk
from diffkeras.errors import PhysicsError, ProblemWarning
from diffkeras.physics import Medium, Problem, maps_of, problem_of_maps

LABELS = np.zeros((12, 14), int)
LABELS[2:4, 2:4] = 1  # a vessel
LABELS[5:10, 4:12] = 2  # tumour
LABELS[5:7, 4:6] = 3  # cells that secrete
LABELS[0, 13] = 4  # a sink


def test_each_label_has_its_properties():
    problem = dk.from_labels(
        LABELS,
        {
            0: {"uptake": 0.2},
            1: {"fixed": 60.0},
            2: {"uptake": 100.0, "saturation": 3.0, "decay": 0.3},
            3: {"production": 5.0, "diffusivity": 0.5, "uptake": 0.7},
            4: {"fixed": 0.0},
        },
        diffusivity=2.0,
        decay=0.1,
        step=10.0,
        boundary="reflecting",
    )
    one, two, three, four = (number == LABELS for number in (1, 2, 3, 4))
    expected = dk.Problem(
        np.where(one, 60.0, 0.0),
        fixed=one | four,
        production=np.where(three, 5.0, 0.0),
        uptake=dk.MichaelisMenten(np.where(two, 100.0, 0.0), 3.0),
        diffusivity=np.where(three, 0.5, 2.0),
        decay=np.select([LABELS == 0, two, three], [0.1 + 0.2, 0.3, 0.1 + 0.7], 0.1),
        step=10.0,
        boundary="reflecting",
    )
    parts, others = dk.parts_of(problem), dk.parts_of(expected)
    assert parts.keys() == others.keys()
    for name, part in parts.items():
        np.testing.assert_array_equal(np.broadcast_to(part, LABELS.shape), others[name])
    np.testing.assert_array_equal(problem.fixed, expected.fixed)
    assert problem.medium.sides == expected.medium.sides


def test_tissues_differ_in_saturation_in_a_volume():
    labels = np.zeros((3, 4, 5))
    labels[0], labels[1] = 1, 7
    tissues = {1: {"uptake": 1.0, "saturation": 2.0}, 7: {"uptake": 3.0, "saturation": 4.0}}
    medium = dk.Medium(decay=0.1, boundary=("absorbing",) * 3)
    problem = dk.from_labels(labels, tissues | {0: {"fixed": 9.0}}, medium=medium)
    assert problem.medium == medium
    assert problem.lattice == (3, 4, 5)
    for label, numbers in tissues.items():
        assert (problem.uptake.maximum[labels == label] == numbers["uptake"]).all()
        assert (problem.uptake.constant[labels == label] == numbers["saturation"]).all()
    assert (problem.uptake.maximum[labels == 0] == 0).all()
    assert dk.solve(problem).field[1].max() < 9.0


@pytest.mark.parametrize(
    ("labels", "properties", "message"),
    [
        (LABELS, {1: {"fixed": 1.0}}, "labels 2, 3, 4 of the image have no properties"),
        (LABELS + 0.5, {}, "must hold whole numbers; this one also holds 0.5"),
        (np.full((3, 4), np.nan), {}, "this one also holds nan"),
        (np.zeros(5), {}, r"is \(rows, columns\) or \(planes, rows, columns\)"),
        (LABELS > 0, {1: {"value": 1.0}}, "'value' is unknown; choose one of fixed, production"),
        (LABELS > 0, {1: {"saturation": 1.0}}, "label 1 has a saturation and no uptake"),
        (LABELS > 0, {1: {"uptake": -1.0}}, "uptake of label 1 must be ≥ 0"),
        (LABELS > 0, {1: {"fixed": "x"}}, "fixed of label 1 must be a number"),
        (LABELS > 0, {1: 5.0}, "properties of labels are .* not {1: 5.0}"),
        (LABELS > 0, {"vessel": {"fixed": 1.0}}, "labels whole numbers .*, not {'vessel'"),
        (LABELS > 0, {True: {"fixed": 1.0}}, "labels whole numbers .*, not {True"),
        (LABELS > 0, {2**53 + 1: {}}, r"at most 2\^53 in size, not {9007199254740993"),
        (LABELS + 720575940600000001, {}, "the label image holds 720575940600000001; .* at most"),
        (LABELS > 0, {1.5: {"fixed": 1.0}}, "labels whole numbers .*, not {1.5"),
        (LABELS > 0, [{"fixed": 1.0}], "the properties of labels are {label: {name: number}}, and"),
        (LABELS > 0, {1: {"fixed": 1.0, "decay": -1.0}}, "decay must be"),
    ],
)
def test_labels_that_cant_be_are_refused(labels, properties, message):
    with pytest.raises(dk.DiffkerasError, match=message):
        dk.from_labels(labels, properties)


def test_properties_without_effect_are_warned_of(recwarn):
    vessel = {1: {"fixed": 1.0}}
    with pytest.warns(ProblemWarning, match="no node of the label image has label 5, 7"):
        dk.from_labels(LABELS > 0, vessel | {7: {"decay": 1.0}, 5: {"uptake": 1.0}})
    recwarn.clear()
    dk.from_labels(LABELS > 0, vessel | {0: {"decay": 1.0}, 5: {}})
    assert not recwarn.list


def test_a_label_image_as_a_source_image_warns(recwarn):
    with pytest.warns(ProblemWarning, match=r"the whole numbers 1, 2, 3, 4; .*from_labels"):
        dk.solve(LABELS)
    recwarn.clear()
    dk.solve(LABELS.astype(float))
    dk.solve(40 * (LABELS == 1) + 20 * (LABELS == 2))
    dk.solve(LABELS > 0)
    assert not recwarn.list


def test_a_field_that_nothing_makes_warns(recwarn):
    for problem in ({"source_image": np.zeros((4, 5))}, {"production": np.zeros((2, 4, 5))}):
        with pytest.warns(ProblemWarning, match="the field is 0 everywhere"):
            dk.solve(**problem)
    recwarn.clear()
    dk.solve(np.zeros((4, 5)), boundary={"top": dk.FixedValue(1.0)})
    assert not recwarn.list


@pytest.mark.parametrize("name", ["uptake", "saturation", "diffusivty", "foo"])
def test_maps_of_other_names_and_one_of_two_are_refused(name):
    with pytest.raises(PhysicsError, match=f"'{name}' is unknown|uptake v and saturation K toget"):
        problem_of_maps(np.eye(4), Medium(), {name: 0.5})
    if name in ("diffusivty", "foo"):
        with pytest.raises(PhysicsError, match=f"map '{name}' is unknown; choose one of diff"):
            maps_of(Problem(np.eye(4)), name)
