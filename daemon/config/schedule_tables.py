"""The tables that say when a model is re-evaluated, what triggers it and within which limits."""

from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    model_serializer,
    model_validator,
)

from ...strategies.errors import InputError
from ...strategies.schedule import due
from ...strategies.schedule.cron import parse_cron
from ...strategies.schedule.due_calendar import FIRST_DAYS, Calendar, jitter_of
from ...strategies.schedule.windows import parse_window
from .toml_input import DurationS, Flag, Integer, Line, Number, SpanS, Table, Text, refusal, shown

SHORTEST_LOOK_S = 60.0  # between two checks for changes


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
        is_distance = not due.parse_every(value).is_never
    except InputError:
        is_distance = False
    if not is_distance:
        raise refusal(
            f"is {shown(value)}",
            f"allowed: a number of days, weeks, months or years, {due.LONGEST_YEARS} years at most",
            "for instance '1 month'",
        )
    return value


def _cool_down(value: str) -> str:
    try:
        is_time = 0.0 < _span_s(value) <= due.LONGEST_YEARS * due.DAYS_A_YEAR * 86400.0
    except InputError:
        is_time = False
    if not is_time:
        raise refusal(
            f"is {shown(value)}",
            "allowed: a number of minutes, hours, days, weeks, months or years, above 0 and at most "
            f"{due.LONGEST_YEARS} years",
            "for instance '6 h', '3 days' or '1 month'",
        )
    return value


def _span_s(text: str) -> float:
    """The seconds of a distance such as "1 month", or of a duration such as "6 h"; raises InputError for others."""
    try:
        return days_in(text) * 86400.0
    except InputError:
        return due.parse_duration_s(text)


def _look_every(value: float, info: ValidationInfo) -> float:
    """A stored file of before there was a least interval keeps its own."""
    if info.context is not None and value < SHORTEST_LOOK_S:
        raise refusal(f"is {value:g} s", "allowed: a minute or more", "for instance '10m' or '1d'")
    return value


def _cron(value: str) -> str:
    try:
        parse_cron(value)
    except InputError as error:
        raise refusal(f"is {error.found}", f"allowed: {error.allowed}", error.remedy) from None
    return value


def _window(value: str) -> str:
    try:
        parse_window(value)
    except InputError as error:
        raise refusal(f"is {error.found}", f"allowed: {error.allowed}", error.remedy) from None
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (OSError, ValueError):  # the name of a folder in the zone data raises OSError
        raise refusal(
            f"is {shown(value)}", "allowed: the name of a time zone", "for instance 'Europe/Berlin' or 'UTC'"
        ) from None
    return value


TimeZone = Annotated[Line, AfterValidator(_zone)]
WindowText = Annotated[Line, AfterValidator(_window)]


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


LookEveryS = Annotated[DurationS, AfterValidator(_look_every)]
"""Between two checks for changes, a minute at least."""


def days_in(distance: str) -> int:
    """A distance in time, such as "1 month", as days."""
    every = due.parse_every(distance)
    return every.days or round(every.months * due.DAYS_A_YEAR / 12)


class ScheduleTable(Table):
    """When the model is re-evaluated; None: the service's configuration decides."""

    every: Annotated[Line, AfterValidator(_every)] = "3 months"
    cron: Annotated[Line, AfterValidator(_cron)] | None = None
    shortest: Annotated[Line, AfterValidator(_distance)] = "1 month"
    longest: Annotated[Line, AfterValidator(_distance)] = "1 year"
    timezone: TimeZone | None = None
    windows: tuple[WindowText, ...] | None = None
    jitter_s: SpanS | None = Field(default=None, alias="jitter")
    priority: Annotated[Integer, Field(ge=-100, le=100)] = 0

    @model_validator(mode="after")
    def _has_one_rule(self) -> Self:
        if self.cron is not None and "every" in self.model_fields_set:
            raise refusal("has both every and cron", "allowed: one of them", "remove the other")
        if days_in(self.shortest) > days_in(self.longest):
            raise refusal(
                f"is {shown(self.shortest)}", f"allowed: at most longest, {shown(self.longest)}", key="shortest"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_the_other_rule(self, dump: SerializerFunctionWrapHandler) -> dict[str, object]:
        """As JSON, without the default of `every` where cron is the rule: read back, it would look like both."""
        content: dict[str, object] = dump(self)
        if self.cron is not None:
            content.pop("every", None)
        return content

    @property
    def is_auto(self) -> bool:
        """Whether the interval follows what the re-evaluations find."""
        return self.cron is None and self.every == "auto"

    def calendar(self, house: "HouseScheduleTable", name: str, interval_days: int | None = None) -> Calendar:
        """The due dates of the model of that name; `interval_days`: where the interval adapts, its present length."""
        shortest = due.parse_every(self.shortest) if self.is_auto else None
        every = due.Every(days=interval_days or FIRST_DAYS) if self.is_auto else due.parse_every(self.every)
        windows = house.windows if self.windows is None else self.windows
        return Calendar(
            every=every if self.cron is None else None,
            cron=None if self.cron is None else parse_cron(self.cron),
            zone=ZoneInfo(self.timezone or house.timezone),
            windows=tuple(parse_window(window) for window in windows),
            offset=jitter_of(name, house.jitter_s if self.jitter_s is None else self.jitter_s),
            shortest=shortest,
        )


class TriggersTable(Table):
    """What makes a model due besides its dates; each is compared with what the last campaign saw."""

    data: Annotated[str, BeforeValidator(_data_trigger)] = "20%"
    code: Flag = True
    environment: Flag = True
    packages: tuple[Line, ...] = ()
    fingerprint: tuple[Text, ...] | None = None
    look_every_s: LookEveryS = Field(default=86400.0, alias="look_every")
    cool_down: Annotated[Line, AfterValidator(_cool_down)] = "1 month"

    @property
    def cool_down_s(self) -> float:
        """The seconds of the cool-down."""
        return _span_s(self.cool_down)


class LimitsTable(Table):
    """Hours of training that one model or all models may use; None: no limit."""

    hours_a_month: Annotated[Number, Field(gt=0)] | None = None
    hours_a_year: Annotated[Number, Field(gt=0)] | None = None


class HouseScheduleTable(Table):
    """The defaults for every model whose own [schedule] says nothing else."""

    timezone: TimeZone = "UTC"
    windows: tuple[WindowText, ...] = ()
    jitter_s: SpanS = Field(default=0.0, alias="jitter")


OnStop = Literal["detach", "terminate"]
