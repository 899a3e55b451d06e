"""What a page itself refuses, in the language of its reader."""

from ..api.answers import Refused


class PageError(Refused):
    """A refusal whose sentences were translated; errors of verbs are English, as on the command line and in the log."""
