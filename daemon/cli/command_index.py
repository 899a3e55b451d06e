"""Every command: where it stands and its line in `retuned --help`, so that help and a mistyped name load no command."""

import importlib
from collections.abc import Mapping
from typing import Any

import typer
from typer._click import Command, Context
from typer.core import TyperCommand, TyperGroup

from ...strategies.errors import StateError

COMMANDS: Mapping[str, Mapping[str, str]] = {
    "campaign_commands": {
        "baseline": "Train the current settings on fresh seeds to measure their score and noise.",
        "retune": "Re-evaluate a model now. Exit code: 0 fresh, 10 stale, 11 degraded, 12 broken, 13 inconclusive.",
        "confirm": "Continue an INCONCLUSIVE re-evaluation with more pairs of the same challenger; its error rate "
        "holds.",
        "watch": "Watch a campaign, or a model's open ones, to the end; Ctrl-C leaves them running. Exit code as "
        "for retune.",
        "selftest": "Check on the model's own training that bad settings are found and equal ones pass. Exit code: "
        "0 passed, 1 not.",
    },
    "panda_commands": {
        "nudge": "Give a running panda new values from the next day.",
        "back": "Roll a running panda back to the end of an earlier day.",
        "hold": "Stop automatic moves of a running panda; it is still rolled back when the training diverges.",
    },
    "model_commands": {
        "register": "Register a model, or a changed model file as a new version.",
        "pause": "Stop scheduled re-evaluations of a model until it is resumed.",
        "resume": "Resume scheduled re-evaluations of a paused or retired model.",
        "look": "Look for changes in a model's data, code and environment now; one that counts queues a re-evaluation.",
        "retire": "Take a model out of service; its history stays.",
        "remove": "Delete a retired model for good, with its history and what its campaigns left on the disk.",
        "cancel": "Cancel a campaign, or the open ones of a model; what they recorded stays.",
    },
    "adoption_commands": {
        "adopt": "Adopt the values that a campaign recommended, and write the model's settings file.",
        "rollback": "Adopt an older version of the settings again.",
    },
    "init_command": {
        "init": "Draft a model file for a training script; each guess is marked. Nothing but the script's --help is "
        "run.",
        "demo": "Show the main job on real data, in a minute or two: register, re-evaluate, verdict, alert, drift.",
    },
    "check_command": {
        "check": "Try a model out in a few short runs and say what holds, what to change and what it costs; nothing is "
        "registered. Exit code: 0 passed, 2 not.",
    },
    "setup_commands": {
        "example": "List the examples, or write one into the current folder; nothing is overwritten.",
        "completion": "Print a script that completes commands, options and models' names; for instance in ~/.bashrc: "
        'eval "$(retuned completion bash)".',
    },
    "service_commands": {
        "serve": "Run the service, which runs due campaigns and sends alerts, until SIGTERM.",
        "open": "Open the service's pages in a browser, signed in by a link that is good once and for two minutes.",
    },
    "process_commands": {
        "campaign": "Run one campaign; the service starts this.",
        "answer": "Compute the result of the verb that standard input names; the service's API starts this.",
    },
    "listing_commands": {
        "models": "List the registered models.",
        "schedule": "Show when each model is due in the coming months, and by which rule.",
        "alerts": "List alerts, open ones first, with who answered them and the state of their deliveries.",
    },
    "alert_commands": {
        "ack": "Say that you have seen an alert, and those with the same cause: they are not repeated or escalated.",
        "snooze": "Put an alert, or a model's open ones, off; once the time is over you are told whether it is still "
        "open.",
        "unsnooze": "End a snooze early.",
    },
    "status_command": {
        "status": "Show the service's health: what runs, what waits and why, what went wrong. Exit code: 0 ok, 1 not.",
    },
    "model_view_command": {
        "show": "Show a model: its current settings, its search space and its open campaigns.",
    },
    "show_commands": {
        "history": "Show the settings versions and the campaigns of a model, oldest first.",
        "plan": "Show what a re-evaluation would do, cost and be able to detect, without running it.",
        "drift": "Show how the stored settings fared over time, of a long record the last part.",
        "report": "Show what a finished campaign found, how certain, why, and at what cost; with --html as a "
        "self-contained page.",
    },
    "doctor_command": {
        "doctor": "Check everything that the service needs and say what to do. Exit code: 0 no errors, 1 errors.",
    },
    "audit_command": {
        "audit": "Show who changed what, when and why, newest first; nothing in it can be changed.",
    },
    "upkeep_commands": {
        "backup": "Make a checked copy of the database now, in addition to those that the service makes each day.",
        "restore": "Replace the database by a copy; the one in use is kept. Only while no service runs.",
    },
    "channel_commands": {
        "channels": "List the channels that messages go to and how they fare, or send a test message to one.",
        "webhooks": "Signed messages of webhooks.",
    },
    "token_commands": {
        "token": "Tokens for the service's HTTP API.",
    },
}
"""The modules of this folder, each with its commands' names and the first paragraph of their docstrings."""

TASKS: Mapping[str, tuple[str, ...]] = {
    "Start": ("init", "demo", "example", "check", "register", "completion"),
    "Describe models": ("models", "show", "history", "look", "pause", "resume", "retire", "remove"),
    "Re-evaluate": ("plan", "baseline", "retune", "confirm", "watch", "cancel", "selftest"),
    "Act on the result": ("adopt", "rollback"),
    "See what was found": ("report", "drift", "alerts", "ack", "snooze", "unsnooze"),
    "Steer a running panda": ("nudge", "back", "hold"),
    "Run the service": (
        "serve",
        "open",
        "schedule",
        "status",
        "doctor",
        "channels",
        "webhooks",
        "backup",
        "restore",
        "token",
        "audit",
    ),
}
"""The commands by what a person wants to do, in the order of the help."""
COMPLETION_VARIABLE = "_RETUNED_COMPLETE"
"""Set by the script of `retuned completion` when it asks what a line may go on with."""
HIDDEN = frozenset({"campaign", "answer"})  # the service starts them
MODULES = {name: module for module, commands in COMMANDS.items() for name in commands}
"""The module of each command."""


class CommandIndex(TyperGroup):
    """The commands of `retuned`, known by name and help; the one that is run is loaded."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - typer's own
        """`settings`: what typer gives a group."""
        super().__init__(**settings)
        texts = {name: text for commands in COMMANDS.values() for name, text in commands.items()}
        shown = {name: task for task, names in TASKS.items() for name in names}
        for name, task in (shown | dict.fromkeys(HIDDEN, "")).items():
            self.add_command(TyperCommand(name, help=texts[name], hidden=name in HIDDEN, rich_help_panel=task))

    def invoke(self, ctx: Context) -> Any:  # noqa: ANN401 - whatever a command returns
        """What the command returns. An error over what the database holds says which copy to restore."""
        try:
            return super().invoke(ctx)
        except StateError as error:
            from .session import explained

            raise explained(ctx.obj, error) from error

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        """The command that the words name, loaded, and the words after it."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name) if name in MODULES else command, rest


def load(name: str) -> Command:
    """The command of that name, with its options; imports its module."""
    module = importlib.import_module(f".{MODULES[name]}", __package__)
    return typer.main.get_group(module.app).commands[name]
