"""Names of trials and legs say what a program reads out of them, and requests of before say it by their names."""

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retuned.strategies.legs import names
from retuned.strategies.legs.names import LegName, begins_with_trial, read_name
from retuned.strategies.legs.request import request_of
from retuned.strategies.records import LegRequest, Purpose, Role

READ = [
    ("replicate.007", LegName(Role.INCUMBENT, 7)),
    ("confirm.i000", LegName(Role.INCUMBENT, 0)),
    ("confirm.c012", LegName(Role.CHALLENGER, 12)),
    ("confirm.i1000", LegName(Role.INCUMBENT, 1000)),  # more than three digits
    ("cause.i003", LegName(Role.CAUSE_INCUMBENT, 3)),
    ("previous.003", LegName(Role.PREVIOUS, 3)),
    ("cause.c003", LegName(Role.CAUSE_CHALLENGER, 3)),
    ("search.000", LegName(Role.INCUMBENT, 0)),
    ("search.000.r2", LegName(Role.INCUMBENT, 0, rung=2)),
    ("search.018", LegName(Role.CANDIDATE, 18)),
    ("search.018.r0", LegName(Role.CANDIDATE, 18, rung=0)),
    ("search.101.d0003", LegName(Role.CANDIDATE, 101, day=3)),  # a second panda's
    ("search.001.d0000.p2", LegName(Role.CANDIDATE, 1, day=0)),  # a piece of a schedule
    ("probe.base", LegName(Role.PROBE, 0)),
    ("probe.purpose", LegName(Role.PROBE, 4)),
    ("probe_full.seed", LegName(Role.PROBE, 2)),
    ("probe_challenger.equal", LegName(Role.PROBE, 1)),
    ("probe_challenger_full.split", LegName(Role.PROBE, 3)),
    ("confirm.x000", LegName(Role.CANDIDATE, 0)),  # of no form that was ever built
    ("a", LegName(Role.CANDIDATE, 0)),
]


@pytest.mark.parametrize(("name", "said"), READ, ids=[name for name, _ in READ])
def test_a_name_says_what_its_leg_stands_for(name, said):
    assert read_name(name) == said


FULL_RUNS = [
    (Purpose.REPLICATE, Role.INCUMBENT, "replicate.004"),
    (Purpose.CONFIRM, Role.INCUMBENT, "confirm.i004"),
    (Purpose.CONFIRM, Role.CHALLENGER, "confirm.c004"),
    (Purpose.REPLICATE, Role.CAUSE_INCUMBENT, "cause.i004"),
    (Purpose.CONFIRM, Role.PREVIOUS, "previous.004"),
    (Purpose.REPLICATE, Role.CAUSE_CHALLENGER, "cause.c004"),
]


@pytest.mark.parametrize(("purpose", "role", "name"), FULL_RUNS, ids=[name for *_, name in FULL_RUNS])
def test_a_whole_training_is_called_by_what_it_is_compared_with(purpose, role, name):
    assert names.full_run(purpose, role, 4) == name
    assert read_name(name) == LegName(role, 4)


@given(number=st.integers(0, 9999), place=st.integers(0, 99_999))
def test_legs_of_a_search_are_read_back_as_they_were_named(number, place):
    trial = names.search_trial(number)
    role = Role.CANDIDATE if number else Role.INCUMBENT
    assert read_name(trial) == LegName(role, number)
    assert read_name(names.rung_leg(trial, place)) == LegName(role, number, rung=place)
    assert read_name(names.day_leg(trial, place)) == LegName(role, number, day=place)
    assert read_name(names.piece(names.day_leg(trial, place), 3)) == LegName(role, number, day=place)


@pytest.mark.parametrize("variant", names.PROBE_VARIANTS)
@pytest.mark.parametrize(
    ("whose", "stem"),
    [
        ({"of_challenger": False, "is_full": False}, "probe"),
        ({"of_challenger": False, "is_full": True}, "probe_full"),
        ({"of_challenger": True, "is_full": False}, "probe_challenger"),
        ({"of_challenger": True, "is_full": True}, "probe_challenger_full"),
    ],
)
def test_probes_are_read_back_as_they_were_named(whose, stem, variant):
    name = names.probe(variant, **whose)
    assert name == f"{stem}.{variant}"
    assert read_name(name) == LegName(Role.PROBE, names.PROBE_VARIANTS.index(variant))


def test_only_legs_of_a_search_have_a_rung_or_a_day():
    assert [name for name, said in READ if said.is_of_search] == [
        "search.000.r2",
        "search.018.r0",
        "search.101.d0003",
        "search.001.d0000.p2",
    ]


def test_a_sentence_that_begins_with_a_trial_is_known():
    assert begins_with_trial("search.003 scored 0.5")
    assert not begins_with_trial("the search failed")


REQUEST = LegRequest(
    "search.002.r1", "search.002", Purpose.SEARCH, {"lr": ((0.0, 0.1), (4.0, 0.01))}, 1, 2, 0.0, 10.0,
    role=Role.CANDIDATE, number=2,
)  # fmt: skip


def test_a_request_reads_back_as_it_was_written():
    assert request_of(asdict(REQUEST)) == REQUEST


def test_a_request_of_before_says_by_its_name_what_it_stands_for():
    old = {name: value for name, value in asdict(REQUEST).items() if name not in ("role", "number")}
    assert request_of(old) == REQUEST


def test_what_a_request_says_of_itself_goes_before_its_name():
    given = asdict(REQUEST) | {"role": "challenger", "number": 9}
    assert (request_of(given).role, request_of(given).number) == (Role.CHALLENGER, 9)


OF_WHAT = [
    (Purpose.SEARCH, Role.CANDIDATE, (True, False)),
    (Purpose.SEARCH, Role.INCUMBENT, (True, False)),
    (Purpose.SEARCH, Role.PROBE, (False, False)),  # a probe is told that it searches
    (Purpose.CONFIRM, Role.PROBE, (False, False)),  # and one of five, that it confirms
    (Purpose.CONFIRM, Role.CHALLENGER, (False, True)),
    (Purpose.REPLICATE, Role.CAUSE_INCUMBENT, (False, False)),
    (Purpose.CONFIRM, Role.PREVIOUS, (False, False)),  # no side of the test's own pairs
]


@pytest.mark.parametrize(("purpose", "role", "is_of"), OF_WHAT)
def test_probes_belong_neither_to_the_search_nor_to_the_pairs(purpose, role, is_of):
    leg = request_of(asdict(REQUEST) | {"purpose": purpose.value, "role": role.value})
    assert (leg.is_of_search, leg.is_of_confirm) == is_of
