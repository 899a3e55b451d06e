"""What a re-evaluation would find, read from simulated curves."""

import pytest
from hypothesis import given
from hypothesis import strategies as some
from retuned.strategies.search.detection import Detection, detection_of, offers
from retuned.strategies.search.detection_table import CURVES
from retuned.strategies.search.search_size import ENOUGH, LEAST, WANTED

CURVES_BY_HAND = {
    (2, 12, 1): (0.0, 2.0),
    (2, 48, 1): (1.0, 2.0),
    (6, 12, 1): (-1.0, 1.0),
    (6, 48, 1): (0.0, 1.0),
}


@pytest.mark.parametrize(
    ("coordinates", "challengers", "found"),
    [
        (2, 12, (0.0, 2.0)),  # a row of the table
        (2, 24, (0.5, 2.0)),  # between two sizes, by their logarithm
        (4, 12, (-0.5, 1.5)),  # between two spaces
        (4, 24, (0.0, 1.5)),  # between both
        (2, 500, (1.0, 2.0)),  # more than was simulated counts as the most
    ],
)
def test_curves_are_interpolated(coordinates, challengers, found):
    detection = detection_of(coordinates, challengers, 1, CURVES_BY_HAND)
    assert (detection.at_one, detection.slope) == pytest.approx(found)


@pytest.mark.parametrize(
    ("coordinates", "challengers", "stages"),
    [
        (1, 12, 1),  # a smaller space than any
        (7, 12, 1),  # a larger one
        (2, 11, 1),  # fewer challengers
        (2, 12, 2),  # a number of stages that was not simulated
    ],
)
def test_beyond_what_was_simulated_nothing_is_claimed(coordinates, challengers, stages):
    assert detection_of(coordinates, challengers, stages, CURVES_BY_HAND) is None


@given(some.floats(-2, 2), some.floats(0.5, 5), some.floats(0.05, 0.95))
def test_the_gap_of_a_share_is_found_in_that_share(at_one, slope, share):
    detection = Detection(at_one, slope)
    assert detection.share(detection.gap(share)) == pytest.approx(share)
    assert detection.share(0.0) == 0.0


@pytest.mark.parametrize("coordinates", sorted({row[0] for row in CURVES}))
def test_in_the_table_more_runs_find_more_and_two_stages_more_than_one(coordinates):
    chosen = max(LEAST, ENOUGH * coordinates)
    least, enough, wanted = (
        detection_of(coordinates, challengers, stages).gap()
        for challengers, stages in ((chosen, 1), (chosen, 2), (max(LEAST, WANTED * coordinates), 2))
    )
    assert least > enough >= wanted
    assert wanted > 0.5
    assert enough < 2.5


def test_offers_are_told_from_the_cheapest_on_with_what_they_find():
    found = offers(4, 1.2)
    assert [(offer.challengers, offer.stages) for offer in found] == [(12, 1), (24, 2), (48, 2)]
    assert [offer.share for offer in found] == sorted(offer.share for offer in found)
    assert found[1].sentence.startswith("about 109 runs (24 challengers a stage, 2 stages at most) find it in ")
    assert offers(40, 1.2) == ()
