"""Imports point one way: the layers of the design, read from the source with ast."""

import ast
import graphlib
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# The rooms, from the ground upwards. A package imports only from lines above its own; packages on one line never
# import each other. The files at the top of a folder are the ground: words that all use. What stands in daemon/ may
# use all of strategies/.
STRATEGIES = (
    {"errors", "words", "records", "values", "grid", "hyperparameter", "space_checks", "space", "recipe"},
    {"drafting", "legs", "schedule", "search", "splits", "verdict", "training"},
    {"adoption", "alerting", "caviar", "panda", "drift", "fused"},
)
DAEMON = (
    {
        "addresses",
        "certificates",
        "clock",
        "logs",
        "processes",
        "durable_files",
        "foreign_files",
        "imported_files",
        "start_errors",
        "lean_imports",
        "masking",
        "metric_patterns",
        "leg",
        "metric_words",
        "__main__",
    },
    {"config"},
    {"drafting", "state", "training"},
    {"adoption", "campaign", "reports", "upkeep", "alerts"},
    {"api"},
    {"web"},
    {"service"},
    {"cli"},
)
# Started by path, in another process: our own modules that each of them may use beside its own folder's.
STARTED_BY_PATH = {
    "daemon.training.worker.": (
        "daemon.durable_files",
        "daemon.foreign_files",
        "daemon.masking",
        "daemon.metric_patterns",
        "daemon.metric_words",
        "daemon.processes",
        "daemon.start_errors",
        "daemon.training.node_kinds",
    ),
    "daemon.training.trainer.": ("strategies.",),
    "daemon.training.node.": (
        "daemon.durable_files",
        "daemon.foreign_files",
        "daemon.processes",
        "daemon.start_errors",
        "daemon.training.environment_reading",
        "daemon.training.node_kinds",
        "daemon.training.worker.children",
        "daemon.training.worker_lives",
    ),
}
# Imported by the user's own script, as `retuned.training`; nothing else of ours is there.
IMPORTED_BY_SCRIPTS = {"daemon.leg.": ()}
RUN_OUTSIDE = STARTED_BY_PATH | IMPORTED_BY_SCRIPTS
OUTSIDE = tuple(RUN_OUTSIDE)
INSTALLED_AS = {"retuned.daemon.leg": "retuned.training"}

LEVELS = {
    f"{folder}.{room}": (floor, height)
    for floor, (folder, lines) in enumerate((("strategies", STRATEGIES), ("daemon", DAEMON)))
    for height, rooms in enumerate(lines)
    for room in rooms
}

# What an idle daemon or a short command must not load: inside a function only these, and our own modules that need
# them, are imported.
HEAVY = frozenset(
    {
        "torch",
        "jinja2",
        "numpy",
        "scipy",
        "matplotlib",
        "plotly",
        "rich",
        "optuna",
        "ray",
        "mlflow",
        "apprise",
        "pynvml",
        "uvicorn",
        "structlog",
        "requests",
        "sqlite_utils",
        "pydantic",
        "pyarrow",
        "yaml",
    }
)
MAY_IMPORT_SCIPY = frozenset({"strategies.caviar", "strategies.verdict"})
MAY_IMPORT_TORCH = frozenset(  # caviar: to seed what Optuna's sampler draws with
    {"strategies.recipe", "strategies.training", "strategies.fused", "strategies.caviar"}
)
MAY_IMPORT_RICH = frozenset({"daemon.cli"})
RUNS_IN_THE_USERS_INTERPRETER = frozenset({"torch"})  # beside the standard library
SEEDS_THE_USERS_CODE = frozenset(  # a recipe may draw from the global generators: they are restored
    {
        "strategies.training.random_states",
        "strategies.fused.batched_run",
        "strategies.fused.twin_check",
        "strategies.fused.fused",
    }
)

# A decision touches nothing but its arguments.
ACTING = frozenset(
    {"asyncio", "concurrent", "fcntl", "glob", "http", "io", "logging", "multiprocessing", "os", "pathlib", "psutil"}
    | {"requests", "select", "shelve", "shutil", "signal", "smtplib", "socket", "sqlite3", "sqlite_utils", "ssl"}
    | {"structlog", "subprocess", "tempfile", "threading", "time", "urllib"}
)
ACTING_CALLS = frozenset({"open", "print", "input", "exec", "eval", "__import__"})
CLOCK_CALLS = frozenset({"now", "utcnow", "today"})

# SQL is written in one room, a table's own statements in its file.
MAY_WRITE_SQL = "daemon.state"
SQL = re.compile(
    r"\bSELECT\s.*\bFROM\s|\b(INSERT|REPLACE)\s+(OR\s+\w+\s+)?INTO\s|\bUPDATE\s+\w+\s+SET\s|\bDELETE\s+FROM\s|\bPRAGMA\s",
    re.DOTALL,
)
UPDATES_CAMPAIGNS = re.compile(r"\bUPDATE\s+campaigns\b|\bINSERT\s+(OR\s+\w+\s+)?INTO\s+campaigns\b")


@dataclass(frozen=True)
class Import:
    """One imported name: our own module as "folder.room.name", another one by its top-level name."""

    target: str
    line: int
    is_own: bool
    in_function: bool


def sources():
    files = [*(ROOT / "strategies").rglob("*.py"), *(ROOT / "daemon").rglob("*.py")]
    return {
        ".".join(file.relative_to(ROOT).with_suffix("").parts): ast.parse(file.read_text()) for file in sorted(files)
    }


def imports_of(module, tree):
    inside = {id(node) for function in ast.walk(tree) if _is_function(function) for node in ast.walk(function)}
    found = []
    for node in ast.walk(tree):
        for dotted in _imported(module, node):
            parts = dotted.split(".")
            is_own = parts[0] == "retuned"
            target = ".".join(parts[1:]) if is_own else parts[0]
            found.append(Import(target, node.lineno, is_own, id(node) in inside))
    return found


def _is_function(node):
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def _imported(module, node):
    """Dotted absolute names of what a statement imports; a relative one is counted from the module."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    package = ["retuned", *module.split(".")[:-1]]
    start = package[: len(package) - node.level + 1] if node.level else []
    base = [*start, *(node.module or "").split(".")] if node.module else start
    is_package = base[:1] == ["retuned"] and ROOT.joinpath(*base[1:]).is_dir()
    return [".".join([*base, alias.name]) if is_package else ".".join(base) for alias in node.names]


def room_of(module):
    """The package that a module stands in; a file at the top of a folder is a room of its own."""
    return ".".join(module.split(".")[:2])


SOURCES = sources()
IMPORTS = {module: imports_of(module, tree) for module, tree in SOURCES.items()}
PACKAGES = sorted(module for module in SOURCES if module.endswith(".__init__"))
MODULES = sorted(set(SOURCES) - set(PACKAGES))
ROOMS = sorted({room_of(module) for module in MODULES})
OUTSIDE_MODULES = [module for module in MODULES if module.startswith(OUTSIDE)]
INSIDE = sorted(set(MODULES) - set(OUTSIDE_MODULES))
DECISIONS = [module for module in MODULES if module.startswith("strategies.")]


def reached(module, seen=None):
    """Foreign packages that importing the module loads, through our own modules too."""
    seen = set() if seen is None else seen
    seen.add(module)
    packages = set()
    for one in IMPORTS.get(module, []):
        if one.in_function:
            continue
        if not one.is_own:
            packages.add(one.target)
        elif one.target not in seen:
            packages |= reached(one.target, seen)
    return packages


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_a_line(room):
    assert room in LEVELS, f"{room} has no line: add it to the table in tests/test_layers.py"


@pytest.mark.parametrize("room", sorted(LEVELS))
def test_every_room_of_the_table_is_there(room):
    assert room in ROOMS


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_lower_lines_and_its_own_room(module):
    here = room_of(module)
    wrong = [
        f"line {one.line}: {one.target}"
        for one in IMPORTS[module]
        if one.is_own and room_of(one.target) != here and not _is_below(room_of(one.target), here)
    ]
    assert not wrong, f"{module} imports from a room beside or above its own"


def _is_below(room, other):
    """Whether one room is on a lower line; the files of a ground may use each other, a cycle apart."""
    (floor, height), (other_floor, other_height) = LEVELS[room], LEVELS[other]
    return (floor, height) < (other_floor, other_height) or (floor == other_floor and height == other_height == 0)


def test_no_modules_import_each_other_in_a_circle():
    wanted = {
        module: {one.target for one in IMPORTS[module] if one.is_own and not one.in_function} for module in MODULES
    }
    order = list(graphlib.TopologicalSorter(wanted).static_order())  # raises CycleError, which names the circle
    assert set(MODULES) <= set(order)


def test_pyproject_lists_every_package():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    data = ["retuned.docs", "retuned.examples"]  # no packages, but what ships beside them
    code = [f"retuned.{package.removesuffix('.__init__')}" for package in PACKAGES]
    assert sorted(listed) == sorted([*(INSTALLED_AS.get(package, package) for package in code), *data])


@pytest.mark.parametrize("module", DECISIONS)
def test_a_decision_never_imports_the_daemon_nor_anything_that_acts(module):
    wrong = [
        f"line {one.line}: {one.target}"
        for one in IMPORTS[module]
        if one.target in ACTING or one.target.startswith("daemon")
    ]
    assert not wrong


@pytest.mark.parametrize("module", DECISIONS)
def test_a_decision_opens_nothing_and_reads_no_clock(module):
    calls = [node for node in ast.walk(SOURCES[module]) if isinstance(node, ast.Call)]
    wrong = [f"line {node.lineno}: {node.func.id}()" for node in calls if _name(node.func) in ACTING_CALLS]
    wrong += [f"line {node.lineno}: {node.func.attr}()" for node in calls if _attribute(node.func) in CLOCK_CALLS]
    assert not wrong


@pytest.mark.parametrize("module", sorted(set(DECISIONS) - SEEDS_THE_USERS_CODE))
def test_a_decision_draws_from_no_global_generator(module):
    drawn = [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(SOURCES[module])
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value) in ("random", "np.random", "numpy.random")
        and node.attr not in ("Random", "Generator", "default_rng", "SeedSequence", "PCG64")
    ]
    assert not drawn


SLOW = frozenset({"importlib"})  # importlib.metadata: a tenth of what a short command may cost


@pytest.mark.parametrize("module", INSIDE)
def test_only_what_is_heavy_is_imported_inside_a_function(module):
    light = [
        f"line {one.line}: {one.target}"
        for one in IMPORTS[module]
        if one.in_function and not (one.target in HEAVY | SLOW or (one.is_own and reached(one.target) & HEAVY))
    ]
    assert not light, f"{module}: import these at the top"


@pytest.mark.parametrize("module", DECISIONS)
def test_scipy_and_numpy_stay_with_the_modules_that_compute(module):
    used = {one.target for one in IMPORTS[module]} & {"scipy", "numpy"}
    assert not used or room_of(module) in MAY_IMPORT_SCIPY


@pytest.mark.parametrize(("library", "rooms"), [("torch", MAY_IMPORT_TORCH), ("rich", MAY_IMPORT_RICH)])
def test_torch_and_rich_stay_in_their_rooms(library, rooms):
    users = {room_of(module) for module in INSIDE if any(one.target == library for one in IMPORTS[module])}
    assert users == rooms


@pytest.mark.parametrize("module", OUTSIDE_MODULES)
def test_what_runs_outside_is_never_imported_by_the_rest(module):
    assert not [other for other in INSIDE if any(one.is_own and one.target == module for one in IMPORTS[other])]


@pytest.mark.parametrize("module", OUTSIDE_MODULES)
def test_what_runs_outside_needs_the_standard_library_and_torch_alone(module):
    needed = {package for package in _everything(module) if package not in sys.stdlib_module_names}
    assert needed <= (RUNS_IN_THE_USERS_INTERPRETER if module.startswith("daemon.training.trainer.") else set())


@pytest.mark.parametrize("module", OUTSIDE_MODULES)
def test_what_runs_outside_uses_little_of_ours(module):
    (folder,) = (folder for folder in RUN_OUTSIDE if module.startswith(folder))
    assert {own for own in _own(module) if not own.startswith((folder, *RUN_OUTSIDE[folder]))} == set()


@pytest.mark.parametrize("folder", STARTED_BY_PATH)
def test_what_is_started_by_path_is_there(folder):
    assert {f"{folder}__main__", f"{folder}{folder.split('.')[-2]}"} <= set(OUTSIDE_MODULES)


def _everything(module):
    """Foreign packages that the module needs at any time, imports inside functions included."""
    return {one.target for own in _own(module) for one in IMPORTS.get(own, []) if not one.is_own}


def _own(module):
    """Our modules that the module needs at any time, itself among them."""
    seen, waiting = set(), [module]
    while waiting:
        here = waiting.pop()
        seen.add(here)
        waiting += [one.target for one in IMPORTS.get(here, []) if one.is_own and one.target not in seen]
    return seen


def _name(node):
    return node.id if isinstance(node, ast.Name) else ""


def _attribute(node):
    return node.attr if isinstance(node, ast.Attribute) else ""


def strings_of(tree):
    """The text of every string in a module with its line, docstrings apart; an f-string as one, with "?" for values."""
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    strings = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(part.value if isinstance(part, ast.Constant) else "?" for part in node.values)
            strings.append((node.lineno, text))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not {id(node)} & (parts | prose):
            strings.append((node.lineno, node.value))
    return strings


@pytest.mark.parametrize("module", [module for module in MODULES if room_of(module) != MAY_WRITE_SQL])
def test_sql_stands_in_the_state_alone(module):
    found = [f"line {line}: {text}" for line, text in strings_of(SOURCES[module]) if SQL.search(text)]
    assert not found, f"{module}: make it a function of daemon/state"


@pytest.mark.parametrize("module", [module for module in MODULES if room_of(module) != MAY_WRITE_SQL])
def test_no_rows_of_the_store_are_asked_for_outside_the_state(module):
    calls = [node for node in ast.walk(SOURCES[module]) if isinstance(node, ast.Call)]
    found = [
        f"line {node.lineno}: {ast.unparse(node.func)}()"
        for node in calls
        if _attribute(node.func) in ("rows", "row", "change", "insert")
        and ast.unparse(node.func.value).rpartition(".")[2] in ("store", "_store")
    ]
    assert not found, f"{module}: make it a function of daemon/state"


def test_campaigns_are_changed_in_one_file():
    writing = {
        module for module in MODULES for _, text in strings_of(SOURCES[module]) if UPDATES_CAMPAIGNS.search(text)
    }
    writing |= {
        module
        for module in MODULES
        for node in ast.walk(SOURCES[module])
        if isinstance(node, ast.Call) and _attribute(node.func) == "insert"
        if any(isinstance(given, ast.Constant) and given.value == "campaigns" for given in node.args)
    }
    assert writing == {"daemon.state.campaigns.campaign_writes"}


@pytest.mark.parametrize(
    ("source", "is_sql"),
    [
        ('rows("SELECT 1 FROM legs WHERE id = ?")', True),
        ('rows("SELECT name " "FROM legs ")', True),  # written in two parts
        ('rows(f"SELECT {columns} FROM legs ORDER BY {order}")', True),
        ('change("UPDATE legs SET score = 1")', True),
        ('change("INSERT OR IGNORE INTO legs (name) VALUES (?)")', True),
        ('change("""DELETE\nFROM legs""")', True),
        ('execute("PRAGMA quick_check")', True),
        ('"""SELECT name FROM legs WHERE a docstring tells of it."""', False),
        ('print("Select one from the list, then update it")', False),
    ],
)
def test_every_statement_is_seen(source, is_sql):
    assert any(SQL.search(text) for _, text in strings_of(ast.parse(source))) is is_sql


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_nothing_by_themselves(package):
    assert IMPORTS[package] == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from ..space import Space", [("strategies.space", True, False)]),
        ("from .. import space, errors", [("strategies.space", True, False), ("strategies.errors", True, False)]),
        ("from . import verdict", [("strategies.verdict.verdict", True, False)]),
        ("from ...daemon.state import store", [("daemon.state.store", True, False)]),
        ("from ...daemon.state.store import Store", [("daemon.state.store", True, False)]),
        ("import retuned.daemon.state.store", [("daemon.state.store", True, False)]),
        ("from retuned.daemon.state import store", [("daemon.state.store", True, False)]),
        ("import os.path", [("os", False, False)]),
        ("def f():\n    import torch", [("torch", False, True)]),
        ("class C:\n    def f(self):\n        from .evidence import D", [("strategies.verdict.evidence", True, True)]),
    ],
)
def test_every_way_to_import_is_seen(source, found):
    seen = imports_of("strategies.verdict.example", ast.parse(source))
    assert [(one.target, one.is_own, one.in_function) for one in seen] == found
