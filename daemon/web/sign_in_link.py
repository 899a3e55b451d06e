"""A link to the pages that signs its user in, from the service that answers at a place."""

from http.client import HTTPException
from urllib.parse import urlsplit

from ...strategies.errors import ConflictError, StateError
from ..api.client import connect
from ..api.routes import PREFIX
from ..api.wire import load_error
from ..state.running_service import UNIX, Place


def sign_in_link(place: Place, public_url: str | None = None) -> str:
    """The address; good once, for two minutes. Raises RetunedError.

    `public_url`: where people reach the pages, which is used where the service encrypts: its certificate is for that
    name; None: at the address itself.
    """
    if place.url.startswith(UNIX):
        raise ConflictError(
            f"the service listens at {place.url}, where no browser can reach it",
            "allowed: [api] listen = 'HOST:PORT'",
            "change it in the configuration and restart the service",
        )
    try:
        connection = connect(place)
        path = f"{urlsplit(place.url).path.rstrip('/')}{PREFIX}/sign-in-links"  # a proxy may serve it below a path
        connection.request("POST", path, None, {"authorization": f"Bearer {place.token}"})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
    except (OSError, HTTPException) as error:
        raise StateError(f"no service answers at {place.url}", "", "start it: retuned serve") from error
    if answer.status != 200:
        raise load_error(content) or StateError(f"the service answered {answer.status}")
    base = public_url if public_url and place.url.startswith("https:") else place.url
    return base + content.decode()
