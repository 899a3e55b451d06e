"""The service's [alerts]: where alerts go, when they are told again, and the digest."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from ...strategies.alerting.digest import Every
from ...strategies.alerting.life_cycle import Rules
from .channel_tables import AllowedPlace, ChannelName
from .toml_input import DurationS, Integer, Line, SecretReference, SpanS, Table, Webhook, refusal

_DAY_S = 86400.0


class AlertsTable(Table):
    """Where alerts go unless the model's own file says otherwise; None: they wait in `retuned alerts`.

    `repeat_s`: how often an alert that nobody answers is told again. `escalate_after_s` None: never. `escalate_to`:
    names of channels. `flapping_s`: one that comes back this soon is the same. `group_s`: for how long alerts with one
    cause join the first. `overdue_after_s`: how long a re-evaluation may wait. `digest_day`: of the week (1 is Monday)
    or the month; `digest_hour` is in UTC. `channels`: those of the models that name none; None: every one. `allow`:
    where receivers may be beside public addresses.
    """

    webhook: Webhook | None = None
    webhook_secret: SecretReference | None = None
    repeat_s: Annotated[DurationS, Field(ge=60.0)] = Field(default=7 * _DAY_S, alias="repeat")
    escalate_after_s: Annotated[DurationS, Field(ge=60.0)] | None = Field(default=None, alias="escalate_after")
    escalate_to: tuple[Line, ...] = ()
    flapping_s: SpanS = Field(default=_DAY_S, alias="flapping")
    group_s: SpanS = Field(default=_DAY_S, alias="group")
    overdue_after_s: Annotated[DurationS, Field(ge=60.0)] = Field(default=3 * _DAY_S, alias="overdue_after")
    channels: tuple[ChannelName, ...] | None = None
    allow: tuple[AllowedPlace, ...] | None = None
    digest: Every = Every.OFF
    digest_day: Annotated[Integer, Field(ge=1, le=28)] = 1
    digest_hour: Annotated[Integer, Field(ge=0, le=23)] = 8

    @model_validator(mode="after")
    def _has_a_day(self) -> Self:
        if self.digest is Every.WEEKLY and self.digest_day > 7:
            found, remedy = f"is {self.digest_day}, and the digest is weekly", "for instance digest_day = 1"
            raise refusal(found, "allowed: 1 (Monday) to 7 (Sunday)", remedy, key="digest_day")
        return self

    @property
    def rules(self) -> Rules:
        """When alerts are told again."""
        return Rules(
            repeat=timedelta(seconds=self.repeat_s),
            escalate_after=None if self.escalate_after_s is None else timedelta(seconds=self.escalate_after_s),
            flapping=timedelta(seconds=self.flapping_s),
            group=timedelta(seconds=self.group_s),
        )
