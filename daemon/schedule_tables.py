"""The tables that say when a model is re-evaluated, on what occasion and within which limits."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ..strategies import due
from ..strategies.errors import InputError
from .toml_input import DurationS, Flag, Integer, Line, Number, SpanS, Table, Text, refusal, shown


def _every(value: str) -> str:
    if value.strip().lower() == "auto":
        return "auto"
    try:
        due.parse_every(value)
    except InputError as error:
        remedy = error.remedy or "for instance '3 months', 'auto', or 'never' for manual campaigns only"
        raise refusal(f"is {shown(value)}", error.allowed or error.found, remedy) from None
    return value


def _distance(value: str) -> str:
    try:
        never = due.parse_every(value).is_never
    except InputError as error:
        raise refusal(f"is {shown(value)}", error.allowed or error.found, error.remedy) from None
    if never:
        raise refusal(f"is {shown(value)}", "allowed: a distance in time", "for instance '1 month'")
    return value


def _data_trigger(value: object) -> object:
    if value in ("off", "changed"):
        return value
    if isinstance(value, str) and value.endswith("%"):
        try:
            percent = float(value.removesuffix("%"))
        except ValueError:
            percent = 0.0
        if 0.0 < percent <= 1e6:
            return f"{percent:g}%"
    raise refusal(
        f"is {shown(value)}", "allowed: 'off', 'changed', or a growth in rows such as '20%'", "write '20%' or 'off'"
    )


class ScheduleTable(Table):
    """When the model is re-evaluated; None: the service's configuration decides."""

    every: Annotated[Line, AfterValidator(_every)] = "3 months"
    cron: Line | None = None
    shortest: Annotated[Line, AfterValidator(_distance)] = "1 month"
    longest: Annotated[Line, AfterValidator(_distance)] = "1 year"
    timezone: Line | None = None
    windows: tuple[Line, ...] | None = None
    jitter_s: SpanS | None = Field(default=None, alias="jitter")
    priority: Annotated[Integer, Field(ge=-100, le=100)] = 0

    @model_validator(mode="after")
    def _has_one_rule(self) -> Self:
        if self.cron is not None and "every" in self.model_fields_set:
            raise refusal("has both every and cron", "allowed: one of them", "remove the other")
        return self


class TriggersTable(Table):
    """What makes a model due besides its dates; each counts from what the last campaign saw."""

    data: Annotated[str, BeforeValidator(_data_trigger)] = "20%"
    code: Flag = True
    environment: Flag = True
    packages: tuple[Line, ...] = ()
    fingerprint: tuple[Text, ...] | None = None
    look_every_s: DurationS = Field(default=86400.0, alias="look_every")
    cool_down: Annotated[Line, AfterValidator(_distance)] = "1 month"


class LimitsTable(Table):
    """Hours of training that may be used, of one model or of all; None: no limit."""

    hours_a_month: Annotated[Number, Field(gt=0)] | None = None
    hours_a_year: Annotated[Number, Field(gt=0)] | None = None


class HouseScheduleTable(Table):
    """What holds for every model whose own [schedule] says nothing else."""

    timezone: Line = "UTC"
    windows: tuple[Line, ...] = ()
    jitter_s: SpanS = Field(default=0.0, alias="jitter")


OnStop = Literal["detach", "terminate"]
