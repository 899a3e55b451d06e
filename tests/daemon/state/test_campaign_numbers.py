"""Models and campaigns share the words of the command line: a number means a campaign, and never two things."""

import pytest
from retuned.daemon.api.verbs import Verbs
from retuned.daemon.reports.campaign_record import record_of
from retuned.daemon.state.campaign_numbers import campaign_number
from retuned.strategies.errors import ConflictError, InputError, UnknownName


@pytest.fixture
def named_two(judged_copy):
    """An installation of an older version, in which a model may be called 3, as a campaign of another is."""
    other = judged_copy.register(top='name = "other"\nowner = "tests"')
    with judged_copy.store.transaction():
        judged_copy.store.change("UPDATE models SET name = '3' WHERE id = ?", (other.id,))
    return judged_copy


@pytest.mark.parametrize("name", ["2", "007", "12345678901234567890"])
def test_a_new_model_is_not_called_by_a_number(desk, name):
    with pytest.raises(InputError, match="is a number"):
        desk.register(top=f'name = "{name}"\nowner = "tests"')


@pytest.mark.parametrize("name", ["2b", "v2", "2.0", "2-0"])
def test_a_number_within_a_name_is_no_number(desk, name):
    assert desk.register(top=f'name = "{name}"\nowner = "tests"').name == name


def test_what_may_be_a_model_or_another_models_campaign_is_refused(named_two, clock):
    verbs = Verbs(named_two.store, named_two.config, clock)
    with pytest.raises(ConflictError, match="name of a model and may be the number"):
        verbs.cancel("3")
    with pytest.raises(ConflictError, match="name of a model and may be the number"):
        record_of(named_two.store, "3")


def test_a_models_own_campaign_is_meant_by_its_number(named_two):
    with named_two.store.transaction():
        named_two.store.change("UPDATE campaigns SET model_id = (SELECT id FROM models WHERE name = '3') WHERE id = 3")
    assert campaign_number(named_two.store, "3") == 3


def test_a_number_beyond_what_the_database_holds_names_nothing(judged, clock):
    with pytest.raises(UnknownName):
        Verbs(judged.store, judged.config, clock).open_of("9" * 30)
