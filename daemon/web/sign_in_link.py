"""A link to the pages that signs its user in, from the service that answers at a place."""

import requests

from ...strategies.errors import ConflictError, StateError
from ..api.routes import PREFIX
from ..api.wire import load_error
from ..state.running_service import UNIX, Place

TIMEOUT_S = 10.0


def sign_in_link(place: Place) -> str:
    """The address; good once, for two minutes. Raises RetunedError."""
    if place.url.startswith(UNIX):
        raise ConflictError(
            f"the service listens at {place.url}, where no browser can reach it",
            "allowed: [api] listen = 'HOST:PORT'",
            "change it in the configuration and restart the service",
        )
    try:
        with requests.Session() as session:
            session.trust_env = False  # the service is asked itself, and no proxy is told the token
            answer = session.post(
                f"{place.url}{PREFIX}/sign-in-links",
                headers={"authorization": f"Bearer {place.token}"},
                timeout=TIMEOUT_S,
                allow_redirects=False,
            )
    except requests.RequestException as error:
        raise StateError(f"no service answers at {place.url}", "", "start it: retuned serve") from error
    if answer.status_code != 200:
        raise load_error(answer.content) or StateError(f"the service answered {answer.status_code}")
    return place.url + answer.text
