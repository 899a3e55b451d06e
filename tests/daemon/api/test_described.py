"""What openapi.json says is what the service does: requests made from it, by every role, and what is answered."""

from functools import partial

import jsonschema
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from retuned.daemon.api.routes import BY_VERB, PREFIX, ROUTES
from retuned.daemon.api.wire import arguments_of
from retuned.daemon.state.tokens import Role
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, content_type_conformance, status_code_conformance]
KNOWN = {"name": "toy", "named": "toy", "campaign": 3, "alert": 1, "channel": "none"}
HEAVY = frozenset(route.verb for route in ROUTES if route.is_heavy)
LIGHT = [route.verb for route in ROUTES if not route.is_heavy]
ASKED = [
    route.verb for route in ROUTES if not route.is_heavy and {*arguments_of(route.verb).model_fields} - {*route.in_path}
]
"""Those that take more than what stands in their path, so that something wrong can be asked of them."""
FEW = settings(
    max_examples=2, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@pytest.fixture(scope="module")
def served(served_by_module):
    """A desk of its own, which the requests may change."""
    return served_by_module


@pytest.fixture(scope="module")
def description(served):
    return requests.get(f"{served.url}{PREFIX}/openapi.json", timeout=30).json()


@pytest.fixture(scope="module")
def operations(description):
    """The operations of the description by verb."""
    found = (result.ok() for result in schemathesis.openapi.from_dict(description).get_all_operations())
    by_place = {(operation.method.upper(), operation.path): operation for operation in found}
    return {route.verb: by_place[route.method, route.path] for route in ROUTES}


@pytest.fixture(scope="module")
def schemas(description):
    """What checks an answer of a verb, by its status."""

    def check(verb, response):
        route = BY_VERB[verb]
        responses = description["paths"][route.path][route.method.lower()]["responses"]
        (content,) = responses.get(str(response.status_code), responses["default"])["content"].values()
        whole = {**content["schema"], "components": description["components"]}
        jsonschema.Draft202012Validator(whole).validate(response.json())

    return check


def send(served, operation, mode, role, known, check):
    """Send requests of that kind; every answer is checked against the description."""
    headers = {"authorization": f"Bearer {served.secrets[role]}"}

    @FEW
    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=known))
    def each(case):
        response = case.call(base_url=served.url, headers=headers, timeout=60)
        case.validate_response(response, checks=CHECKS)
        check(response)

    each()


def known_in(operation):
    return {name: value for name, value in KNOWN.items() if f"{{{name}}}" in operation.path} or None


@pytest.mark.parametrize("role", list(Role), ids=lambda role: role.word)
@pytest.mark.parametrize("verb", LIGHT)
def test_what_is_answered_is_described(served, operations, schemas, verb, role):
    known = known_in(operations[verb])
    send(served, operations[verb], GenerationMode.POSITIVE, role, known, partial(schemas, verb))


@pytest.mark.parametrize("verb", ASKED)
def test_what_makes_no_sense_is_refused_as_described(served, operations, schemas, verb):
    known = known_in(operations[verb])
    send(served, operations[verb], GenerationMode.NEGATIVE, Role.ADMIN, known, partial(schemas, verb))


@pytest.mark.parametrize("verb", sorted(HEAVY))
def test_what_is_computed_is_described(served, operations, schemas, verb):
    operation, known = operations[verb], known_in(operations[verb])
    path = operation.path.format(**known or {})
    headers = {"authorization": f"Bearer {served.secrets[Role.OPERATOR]}"}
    body = {"json": {}} if operation.method.upper() == "POST" else {}
    response = requests.request(operation.method, served.url + path, headers=headers, timeout=120, **body)
    schemas(verb, response)
    assert response.status_code < 500
