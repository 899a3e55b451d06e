"""One table: each verb's HTTP method and path, and the lowest role that may use it."""

from dataclasses import dataclass

from ..state.tokens import Role

PREFIX = "/api/v1"


@dataclass(frozen=True, slots=True)
class Route:
    """The address of a verb. `is_heavy`: it computes, so the service runs it in a separate process."""

    verb: str
    method: str
    path: str
    role: Role
    is_heavy: bool = False

    @property
    def is_acting(self) -> bool:
        """Whether the verb changes anything."""
        return self.method != "GET"

    @property
    def in_path(self) -> tuple[str, ...]:
        """The arguments that are part of the path."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))


def _read(verb: str, path: str, role: Role = Role.VIEWER, is_heavy: bool = False) -> Route:
    return Route(verb, "GET", PREFIX + path, role, is_heavy)


def _act(verb: str, path: str, role: Role = Role.OPERATOR, method: str = "POST", is_heavy: bool = False) -> Route:
    return Route(verb, method, PREFIX + path, role, is_heavy)


# A registered model's command runs as the service's user, so only admins may register. An operator runs, stops and
# adopts what an admin has registered.
ROUTES = (
    _read("models", "/models"),
    _read("show", "/models/{name}"),
    _read("history", "/models/{name}/history"),
    _read("proposed", "/models/{name}/proposed", Role.OPERATOR),
    _read("drift", "/models/{name}/drift"),
    _read("plan", "/models/{name}/plan", is_heavy=True),
    _read("alerts", "/alerts"),
    _read("schedule", "/schedule"),
    _read("report", "/reports/{named}", is_heavy=True),
    _read("status", "/status"),
    _read("doctor", "/doctor", Role.OPERATOR, is_heavy=True),
    _read("channels", "/channels"),
    _read("open_of", "/open/{named}"),
    _read("standing", "/campaigns/{campaign}"),
    _read("ended", "/campaigns/{campaign}/end"),
    _act("pause", "/models/{name}/pause"),
    _act("resume", "/models/{name}/resume"),
    _act("retire", "/models/{name}/retire"),
    _act("look", "/models/{name}/look", is_heavy=True),
    _act("baseline", "/models/{name}/baseline"),
    _act("retune", "/models/{name}/retune"),
    _act("confirm", "/models/{name}/confirm"),
    _act("nudge", "/campaigns/{campaign}/nudge"),
    _act("back", "/campaigns/{campaign}/back"),
    _act("hold", "/campaigns/{campaign}/hold"),
    _act("adopt", "/models/{name}/adopt"),
    _act("rollback", "/models/{name}/rollback"),
    _act("cancel", "/open/{named}/cancel"),
    _act("ack", "/alerts/{alert}/ack"),
    _act("snooze", "/alerts/{named}/snooze"),
    _act("unsnooze", "/alerts/{named}/unsnooze"),
    _act("channel_test", "/channels/{channel}/test", is_heavy=True),
    _act("backup", "/backups", Role.ADMIN),
    _act("register", "/models", Role.ADMIN),
    _act("remove", "/models/{name}", Role.ADMIN, "DELETE"),
    _read("audit", "/audit", Role.ADMIN),
    _read("token_list", "/tokens", Role.ADMIN),
    _act("token_create", "/tokens", Role.ADMIN),
    _act("token_revoke", "/tokens/{name}", Role.ADMIN, "DELETE"),
)

BY_VERB = {route.verb: route for route in ROUTES}
