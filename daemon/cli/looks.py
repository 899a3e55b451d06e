"""What a look at a model saw, and when the next one is, in lines for people."""

from typing import TYPE_CHECKING

from ..state.models.cool_down import CoolDown

if TYPE_CHECKING:
    from ..api.model_view import Shown
    from ..campaign.look import Looked


def looks_text(shown: "Shown") -> str:
    """When a model is looked at for changes next, and from when on one makes it due."""
    if shown.model.state != "active":
        return f"not looked at for changes while it is {shown.model.state}"
    at = "as soon as a service runs" if shown.next_look_at is None else f"{shown.next_look_at:%Y-%m-%d %H:%M} UTC"
    cooling = "" if shown.cool_down is None else "in the cool-down: "
    return f"next look for changes: {at}; {cooling}a change makes it due {due_text(shown.cool_down)}"


def looked_text(looked: "Looked") -> str:
    """What a look saw, part by part, and what follows."""
    width = max(len(part.part) for part in looked.parts)
    lines = [f"{part.part:<{width}}  {part.words}" for part in looked.parts]
    again = f"a running service looks again: {looked.next_look_at:%Y-%m-%d %H:%M} UTC"
    return "\n".join((*lines, looked.follows, again))


def due_text(cool_down: CoolDown | None) -> str:
    """From when on a change makes a model due."""
    return "at once" if cool_down is None else f"from {cool_down.sentence}"
