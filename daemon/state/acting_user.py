"""Who acts, where a person types a command."""

import os
import pwd
from collections.abc import Mapping

from ...strategies.words import readable


def login_user(environ: Mapping[str, str] = os.environ) -> str:
    """The name of the user who runs this process, and behind sudo that of the person."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    person = readable(environ.get("SUDO_USER", ""))[:64] if os.getuid() == 0 else ""
    return f"{name} (sudo by {person})" if person and person != name else name
