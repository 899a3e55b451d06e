"""Tags of models: the fleet's page, the list of models and the API are narrowed by them."""

import json

import pytest
from retuned.daemon.state.tokens import Role
from retuned.daemon.web.pages import add_pages

TAGGED = 'name = "line"\nowner = "tests"', 'tags = ["prod", "eu & us"]'


@pytest.fixture
def served(settled, serve):
    settled.register(top=TAGGED[0], alerts=TAGGED[1])
    made = serve(settled, add_pages=add_pages)
    yield made
    made.api.stop()


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", {"toy", "line"}),
        ("tag=prod", {"line"}),
        ("tag=eu+%26+us", {"line"}),
        ("tag=pro", set()),  # a tag is a whole word, not a beginning
        ("tag=%27+OR+1", set()),
        ("tag=prod&owner=tests&verdict=none", {"line"}),
        ("tag=prod&owner=nobody", set()),
    ],
)
def test_the_fleet_is_narrowed_to_models_with_a_tag(served, query, names):
    text = served.browser(Role.VIEWER).get(f"{served.url}/?{query}", timeout=30).text
    assert {name for name in ("toy", "line") if f'href="/models/{name}"' in text} == names


def test_the_tag_stays_in_the_address_and_in_the_form(served):
    text = served.browser(Role.VIEWER).get(f"{served.url}/?tag=prod&page=2", timeout=30).text
    assert 'href="/?tag=prod&amp;sort=worst&amp;page=1">previous page' in text
    assert "<option selected>prod</option>" in text
    assert "<option >eu &amp; us</option>" in text


def test_without_tags_nothing_asks_for_one(served):
    served.desk.register(top=TAGGED[0])
    assert "<label>Tag" not in served.browser(Role.VIEWER).get(served.url, timeout=30).text


def test_programs_ask_for_the_models_with_a_tag(served):
    tagged = served.ask("GET", "/api/v1/models?tag=prod").json()["models"]
    assert [(model["name"], model["tags"]) for model in tagged] == [("line", ["prod", "eu & us"])]
    assert [model["name"] for model in served.ask("GET", "/api/v1/models").json()["models"]] == ["line", "toy"]


def test_the_command_lists_the_models_with_a_tag(served, retuned):
    listed = ["--state", served.desk.config.state, "models", "--tag"]
    assert [model["name"] for model in json.loads(retuned(*listed, "prod", "--json").stdout)] == ["line"]
    assert retuned(*listed, "none").stdout.strip() == "no model has the tag 'none'; see: retuned models --json"
