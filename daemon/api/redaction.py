"""What viewers see of a result: verdicts, figures and dates, but nothing of how a model is trained on this machine.

Commands, paths, names of environment variables and what trainings wrote may hold secrets, and help only those who may
act on them. A record is redacted as such, before it is sent: its free texts by what the model's file names and by what
the campaign's runs wrote, its fields by their names.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from ...strategies.drift.fingerprints import UNKNOWN, CodeFingerprint
from ...strategies.errors import RetunedError
from ...strategies.legs.command import placeholders
from ...strategies.space import Space
from ...strategies.words import readable
from ..config.model_file import ModelFile
from ..state.campaigns.campaigns import Campaign
from ..state.campaigns.legs import failure_details
from ..state.faults import Fault
from ..state.models.model_list import ListedModel
from ..state.models.registry import Model, find_model
from ..state.models.schedule_list import Planned
from ..state.outbox import place_of
from ..state.overview import OpenCampaign
from ..state.store import Store
from ..upkeep.health_records import Health

HIDDEN = "(shown to operators)"
_HIDDEN_PATH = Path("/") / HIDDEN
_EMPTY_FIELDS = frozenset({"snapshot", "interpreter", "told"})
_HIDDEN_FIELDS = frozenset({"last_error", "dead_error", "problem", "path", "detail", "source", "hook_detail"})
_TEXTS = frozenset(
    """sentence sentences covered suspicions why_failed reason waits why notes changes cause words of summary skipped
    note resolution by data_note choice estimate title text deliveries label state""".split()  # noqa: SIM905 (a list of them fills a screen)
)
_PLAIN_FAILURES = frozenset({"cancelled by a person", "newer settings were adopted"})
_PATH = re.compile(r"(?!\d+/\d+\b|and/or\b)(?<![\w/:.])(?:file:)?[\w.~@+=-]*/[^\s,;:'\"()]*")
_ATTEMPT = re.compile(r"\(attempt (\d+): .*\)$")
_WHY = re.compile(r"(\bcampaign \d+ of \S+ failed): .*", re.DOTALL)
_LEAST_CHARACTERS = 4


def redacted(value: Any, store: Store) -> Any:  # noqa: ANN401 - the result of any verb
    """The result of a verb as viewers see it."""
    return _Redaction(store).of(value, _without_paths)


def redacted_error(error: RetunedError) -> RetunedError:
    """The error without paths, and without why a campaign failed."""
    shown = type(error).__new__(type(error))
    shown.__dict__.update(error.__dict__)
    shown.found = _without_paths(_WHY.sub(rf"\1: {HIDDEN}", error.found))
    shown.allowed, shown.remedy = _without_paths(error.allowed), _without_paths(error.remedy)
    return shown


def _without_paths(text: str) -> str:
    return _PATH.sub(HIDDEN, _ATTEMPT.sub(r"(attempt \1)", text))


Hide = Callable[[str], str]
"""Redacts a free text."""


@dataclass(slots=True)
class _Redaction:
    """Redacts records one by one; what a model's file names is looked up once."""

    store: Store
    _of_models: dict[str, Hide] = field(default_factory=dict)

    def of(self, value: Any, hide: Hide) -> Any:  # noqa: ANN401 - any record
        """The record; its free texts pass through `hide`, or through more where it belongs to a model or campaign."""
        if isinstance(value, tuple) and value and not isinstance(value[0], int | float):
            return tuple(self.of(part, hide) for part in value)
        if isinstance(value, ModelFile):
            return _file(value)
        if isinstance(value, CodeFingerprint):
            return replace(value, files=(), imported=())
        if isinstance(value, Path):
            return _HIDDEN_PATH
        if not is_dataclass(value) or isinstance(value, type | Space):
            return value
        hide = self._hide_for(value, hide)
        changed = {each.name: self._field(each.name, getattr(value, each.name), hide) for each in fields(value)}
        return replace(value, **changed)

    def _field(self, name: str, value: Any, hide: Hide) -> Any:  # noqa: ANN401 - any field
        if name in _EMPTY_FIELDS:
            return value if value in (None, UNKNOWN) else ""
        if name in _HIDDEN_FIELDS and isinstance(value, str):
            return HIDDEN if value else value
        if name == "failure":
            return value if not value or value in _PLAIN_FAILURES else HIDDEN
        if name == "figures":
            return {key: self._field("sentences", part, hide) for key, part in value.items()}
        if name in _TEXTS and type(value) is str:
            return hide(value)
        if name in _TEXTS and isinstance(value, tuple | list) and all(type(part) is str for part in value):
            return type(value)(map(hide, value))
        return self.of(value, hide)

    def _hide_for(self, record: object, hide: Hide) -> Hide:
        """How the texts of a record are redacted: those of a model's by its file, of a campaign's by its failures."""
        if isinstance(record, Health):  # it quotes the last fault and failed deliveries
            failures = (record.messages.last_error or "", record.messages.dead_error or "")
            return _hiding((*(fault.sentence for fault in record.faults), *failures), hide)
        if isinstance(record, Fault):
            return lambda _text: HIDDEN
        if isinstance(record, Planned | ListedModel):  # nothing in them is about how the model is trained
            return lambda text: text
        model = record if isinstance(record, Model) else getattr(record, "model", None)
        if isinstance(model, Model):
            hide = self._of_models[model.name] = _hiding(_words_of(model), _without_paths)
        elif isinstance(model, str):
            hide = self._of_model(model)
        number = record.id if isinstance(record, Campaign | OpenCampaign) else getattr(record, "campaign_id", None)
        if isinstance(number, int):
            hide = _hiding(failure_details(self.store, number), hide)
        return hide

    def _of_model(self, name: str) -> Hide:
        if name not in self._of_models:
            try:
                model = find_model(self.store, name)
            except RetunedError:  # its file cannot be read now
                self._of_models[name] = lambda _text: HIDDEN
            else:
                self._of_models[name] = _hiding(_words_of(model), _without_paths)
        return self._of_models[name]


def _hiding(words: Iterable[str], then: Hide) -> Hide:
    """A function that hides these words, and what `then` hides."""
    wanted = {form for word in words if word for form in (word, readable(word), readable(" ".join(word.split())))}
    if not wanted:
        return then
    longest_first = sorted(wanted, key=lambda word: (-len(word), word))
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in longest_first))
    return lambda text: then(pattern.sub(HIDDEN, text))


def _words_of(model: Model) -> Iterable[str]:
    """What a model's file says of how it is trained: words of commands, paths and their parts, names of variables."""
    training, data, settings = model.file.training, model.file.data, model.file.settings_file
    fingerprint = model.file.triggers.fingerprint
    paths = [model.source, training.workdir, training.template, training.python, training.recipe_file, settings]
    paths += [] if model.file.goal.file is None else [Path(model.file.goal.file)]
    paths += [] if data is None else [data.path, None if data.glob is None else Path(data.glob)]
    paths += [Path(data.split.list_file)] if data is not None and data.split and data.split.list_file else []
    named = {str(path) for path in paths if path is not None} | {path.name for path in paths if path is not None}
    commands = [training.command or (), (data.prepare if data else None) or (), fingerprint or (),
                model.file.settings.hook or ()]  # fmt: skip
    words = {word for command in commands for word in command if not placeholders((word,))}
    words |= {Path(word).name for word in words} | {part for word in words for part in word.split("=", 1)}
    public = {model.name, model.file.goal.metric, *model.file.hyperparameters}
    long = {word for word in words | named if len(word) >= _LEAST_CHARACTERS and not word.isdecimal()}
    return (long | {*training.pass_env, *model.file.settings.pass_env}) - public


def _placed(file: ModelFile) -> tuple[str, ...]:
    """The placeholders that keep hyperparameters out of the configuration file, if there is one: a file without them
    would be another one."""
    if file.training.write is None:
        return ()
    return tuple(f"{{{name}}}" for name in file.hyperparameters if name in placeholders(file.training.command or ()))


def _file(file: ModelFile) -> ModelFile:
    """The file without commands, paths, names of variables and secrets."""
    training, data, alerts, settings, goal = file.training, file.data, file.alerts, file.settings, file.goal
    hidden: Mapping[str, Any] = {
        "command": None if training.command is None else (HIDDEN, *_placed(file)),
        "recipe": None if training.recipe is None else f"{_HIDDEN_PATH}.py:Hidden",
        "python": None,
        "workdir": _HIDDEN_PATH,
        "values": {},
        "write": None if training.write is None else str(_HIDDEN_PATH.with_suffix(Path(training.write).suffix)),
        "pass_env": (),
    }
    where = {} if data is None else {
        "path": None if data.path is None else _HIDDEN_PATH,
        "glob": None if data.glob is None else str(_HIDDEN_PATH),
        "prepare": None if data.prepare is None else (HIDDEN,),
        "split": data.split and data.split.model_copy(update={"list_file": data.split.list_file and HIDDEN}),
    }  # fmt: skip
    return file.model_copy(
        update={
            "training": training.model_copy(update=hidden),
            "data": None if data is None else data.model_copy(update=where),
            "triggers": file.triggers.model_copy(
                update={"fingerprint": None if file.triggers.fingerprint is None else (HIDDEN,)}
            ),
            "settings": settings.model_copy(
                update={
                    "file": None if settings.file is None else _HIDDEN_PATH.with_suffix(settings.file.suffix),
                    "hook": None if settings.hook is None else (HIDDEN,),
                    "pass_env": (),
                }
            ),
            "goal": goal.model_copy(
                update={
                    "pattern": None if goal.pattern is None else HIDDEN,
                    "file": None if goal.file is None else ("{tmp}" if "{tmp}" in goal.file else "") + HIDDEN,
                }
            ),
            "alerts": alerts.model_copy(
                update={"webhook": alerts.webhook and place_of(alerts.webhook), "webhook_secret": None}
            ),
        }
    )
