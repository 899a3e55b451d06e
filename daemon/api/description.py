"""What openapi.json says of each route: its arguments and what it answers."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from .routes import ROUTES, Route
from .verbs import Verbs
from .wire import PROBLEM, arguments_of, schema_of_result

_TEXTS = ("type", "title", "detail", "found", "allowed", "remedy")
ERROR = {
    "type": "object",
    "description": "One error, as a problem (RFC 9457): what was found, what is allowed, what to do next.",
    "properties": {name: {"type": "string"} for name in _TEXTS} | {"status": {"type": "integer"}},
    "required": [*_TEXTS, "status"],
}


def summary(route: Route) -> str:
    """What the route does, in a line."""
    return (getattr(Verbs, route.verb).__doc__ or "").partition("\n")[0]


@cache
def components() -> Mapping[str, Any]:
    """The schemas that answers refer to, by name."""
    named: dict[str, Any] = {"Error": ERROR}
    for route in ROUTES:
        named |= schema_of_result(route.verb).get("$defs", {})
    return named


def described(route: Route) -> dict[str, Any]:
    """The arguments and answers of a route."""
    schema = arguments_of(route.verb).model_json_schema()
    required = schema.get("required", [])
    rest = {name: value for name, value in schema.get("properties", {}).items() if name not in route.in_path}
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in route.in_path
    ]
    if not route.is_acting:
        queries = [
            {"name": name, "in": "query", "required": name in required, "schema": value} for name, value in rest.items()
        ]
        return {"parameters": parameters + queries, "responses": _responses(route)}
    body = {"type": "object", "properties": rest, "required": [name for name in required if name in rest]}
    content = {"application/json": {"schema": body}}
    return {"parameters": parameters, "responses": _responses(route)} | (
        {"requestBody": {"content": content}} if rest else {}
    )


def _responses(route: Route) -> dict[str, Any]:
    result = {name: value for name, value in schema_of_result(route.verb).items() if name != "$defs"}
    error = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {
        "200": {"description": "The result.", "content": {"application/json": {"schema": result}}},
        "default": {"description": "An error, in one line.", "content": error},
    }
