"""Imports point one way: the layers of the design, read from the source with ast."""

import ast
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# From the lowest layer upwards; a file imports only from lines above its own.
STRATEGIES = (
    ("errors",),
    ("records", "intervals"),
    (
        "hyperparameter",
        "due",
        "cron",
        "windows",
        "stats",
        "reports",
        "halving",
        "stretches",
        "contract",
        "judgement",
        "grants",
        "grouping",
        "hopeless",
        "ranges",
        "seen",
        "samplers",
    ),
    ("space", "evidence", "cause_words", "run_scores", "power", "calendar", "interval", "triggers", "queueing"),
    ("landscape", "optuna_proposals"),
    (
        "proposals",
        "smoothing",
        "search_scores",
        "planting",
        "choose",
        "verdict",
        "causes",
        "cost_drift",
        "search_task",
        "nudges",
        "bracket",
    ),
    ("drift", "notice", "evidence_path", "path"),
    ("ways",),
    ("probing", "evening"),
    ("upbringing",),
    ("caviar", "panda"),
    ("recipe", "generators", "guard", "precision"),
    ("optimizing", "rows"),
    ("trial_run", "stacking", "recording"),
    ("training", "masks", "batch_optimizing"),
    ("batched_step",),
    ("batched_run",),
    ("twin_check", "capacity"),
    ("fused",),
)
DAEMON = (
    (
        "clock",
        "waker",
        "lean",
        "logs",
        "instance",
        "migrations",
        "processes",
        "fingerprint",
        "spool",
        "live_report",
        "toml_input",
        "standalone",
        "trials",
        "api_place",
    ),
    ("schedule_tables", "store", "workers", "profile", "figures", "notify"),
    ("config", "model_tables", "tokens", "faults", "crew", "early_stop"),
    ("model_file", "ledger", "outbox", "snapshot", "runner", "ray_runner", "coordinates", "page_parts"),
    ("model_paths", "settings_file", "heartbeat", "lease"),
    ("registry", "resources", "examination", "disk", "backup"),
    ("schedule",),
    (
        "campaign_processes",
        "candidates",
        "remembered",
        "adoption",
        "retention",
        "alert",
        "continuation",
        "wishes",
        "search",
        "report",
        "dossier",
    ),
    ("views",),
    ("terminal_panda",),
    (
        "prepare",
        "probe",
        "replay",
        "terminal",
        "export",
        "page_verdict",
        "page_causes",
        "page_panda",
        "page_background",
    ),
    ("job",),
    ("confirm", "causes", "page", "nursery"),
    ("conclude",),
    ("campaign",),
    ("leading",),
    ("plan", "looks", "giving_up"),
    ("health", "doctor_state", "doctor_models", "looking"),
    ("doctor", "terminal_health"),
    ("foreground",),
    ("selftest",),
    ("verbs",),
    ("wire",),
    ("routes", "listening", "finding", "web_guard", "heavy"),
    ("metrics", "remote"),
    ("web", "follow"),
    ("service",),
    ("serving",),
    ("cli_session",),
    ("cli_reading", "cli_acting", "cli_campaigns", "cli_keeping", "cli_panda", "cli_service"),
    ("cli",),
)
OUTSIDE = frozenset({"daemon.shim", "daemon.trainer"})  # started by path, in another process

LAYERS = {
    f"{folder}.{name}": (floor, height)
    for floor, (folder, layers) in enumerate((("strategies", STRATEGIES), ("daemon", DAEMON)))
    for height, names in enumerate(layers)
    for name in names
}

# What an idle daemon must not load: inside a function only these, and our own modules that need them, are imported.
HEAVY = frozenset(
    {
        "torch",
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
    }
)
MAY_IMPORT_SCIPY = frozenset(
    {"strategies.stats", "strategies.intervals", "strategies.caviar", "strategies.proposals", "strategies.verdict"}
    | {"strategies.smoothing", "strategies.landscape"}
)
RUNS_IN_THE_USERS_INTERPRETER = frozenset({"torch"})  # beside the standard library
SEEDS_THE_USERS_CODE = frozenset(  # a recipe may draw from the global generators: they are restored
    {"strategies.generators", "strategies.batched_run", "strategies.twin_check", "strategies.fused"}
)

# A decision touches nothing but its arguments.
ACTING = frozenset(
    {"asyncio", "concurrent", "fcntl", "glob", "http", "io", "logging", "multiprocessing", "os", "pathlib", "psutil"}
    | {"requests", "select", "shelve", "shutil", "signal", "smtplib", "socket", "sqlite3", "sqlite_utils", "ssl"}
    | {"structlog", "subprocess", "tempfile", "threading", "time", "urllib"}
)
ACTING_CALLS = frozenset({"open", "print", "input", "exec", "eval", "__import__"})
CLOCK_CALLS = frozenset({"now", "utcnow", "today"})


@dataclass(frozen=True)
class Import:
    """One imported name: our own module as "folder.name", another one by its top-level name."""

    target: str
    line: int
    is_own: bool
    in_function: bool


def sources():
    files = [*(ROOT / "strategies").glob("*.py"), *(ROOT / "daemon").glob("*.py")]
    return {f"{file.parent.name}.{file.stem}": ast.parse(file.read_text(), str(file)) for file in sorted(files)}


def imports_of(module, tree):
    inside = {id(node) for function in ast.walk(tree) if _is_function(function) for node in ast.walk(function)}
    found = []
    for node in ast.walk(tree):
        for dotted in _imported(module, node):
            parts = dotted.split(".")
            is_own = parts[0] == "retuned"
            target = ".".join(parts[1:3]) if is_own else parts[0]
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
    package = ["retuned", module.split(".")[0]]
    start = package[: len(package) - node.level + 1] if node.level else []
    base = [*start, *(node.module or "").split(".")] if node.module else start
    is_package = base in (["retuned"], ["retuned", "strategies"], ["retuned", "daemon"])
    return [".".join([*base, alias.name]) if is_package else ".".join(base) for alias in node.names]


SOURCES = sources()
IMPORTS = {module: imports_of(module, tree) for module, tree in SOURCES.items()}
MODULES = sorted(module for module in SOURCES if not module.endswith(".__init__"))
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


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_a_layer(module):
    assert module in LAYERS or module in OUTSIDE, f"{module} has no layer: add it to the table in tests/test_layers.py"


@pytest.mark.parametrize("module", sorted(set(MODULES) - OUTSIDE))
def test_a_module_imports_only_from_lower_layers(module):
    own = [one for one in IMPORTS[module] if one.is_own]
    upward = [
        f"line {one.line}: {one.target}" for one in own if LAYERS.get(one.target, (9, 9)) >= LAYERS.get(module, (9, 9))
    ]
    assert not upward, f"{module} imports from its own layer or a higher one"


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


@pytest.mark.parametrize("module", sorted(set(MODULES) - OUTSIDE))
def test_only_what_is_heavy_is_imported_inside_a_function(module):
    light = [
        f"line {one.line}: {one.target}"
        for one in IMPORTS[module]
        if one.in_function and not (one.target in HEAVY or (one.is_own and reached(one.target) & HEAVY))
    ]
    assert not light, f"{module}: import these at the top"


@pytest.mark.parametrize("module", DECISIONS)
def test_scipy_and_numpy_stay_with_the_modules_that_compute(module):
    used = {one.target for one in IMPORTS[module]} & {"scipy", "numpy"}
    assert not used or module in MAY_IMPORT_SCIPY


@pytest.mark.parametrize("module", sorted(OUTSIDE & set(MODULES)))
def test_what_runs_outside_is_never_imported_by_the_rest(module):
    assert not [other for other in MODULES if any(one.is_own and one.target == module for one in IMPORTS[other])]


@pytest.mark.parametrize("module", sorted(OUTSIDE & set(MODULES)))
def test_what_runs_outside_needs_the_standard_library_and_torch_alone(module):
    needed = {package for package in _everything(module) if package not in sys.stdlib_module_names}
    assert needed <= (RUNS_IN_THE_USERS_INTERPRETER if module == "daemon.trainer" else set())


def _everything(module):
    """Foreign packages that the module needs at any time, imports inside functions included."""
    seen, waiting, packages = set(), [module], set()
    while waiting:
        here = waiting.pop()
        seen.add(here)
        packages |= {one.target for one in IMPORTS.get(here, []) if not one.is_own}
        waiting += [one.target for one in IMPORTS.get(here, []) if one.is_own and one.target not in seen]
    return packages


def _name(node):
    return node.id if isinstance(node, ast.Name) else ""


def _attribute(node):
    return node.attr if isinstance(node, ast.Attribute) else ""


def test_packages_import_nothing_by_themselves():
    assert IMPORTS["strategies.__init__"] == []
    assert IMPORTS["daemon.__init__"] == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from .space import Space", [("strategies.space", True, False)]),
        ("from . import space, due", [("strategies.space", True, False), ("strategies.due", True, False)]),
        ("from ..daemon import store", [("daemon.store", True, False)]),
        ("from ..daemon.store import Store", [("daemon.store", True, False)]),
        ("import retuned.daemon.store", [("daemon.store", True, False)]),
        ("from retuned.daemon import store", [("daemon.store", True, False)]),
        ("import os.path", [("os", False, False)]),
        ("def f():\n    import torch", [("torch", False, True)]),
        ("class C:\n    def f(self):\n        from .caviar import decide", [("strategies.caviar", True, True)]),
    ],
)
def test_every_way_to_import_is_seen(source, found):
    seen = imports_of("strategies.example", ast.parse(source))
    assert [(one.target, one.is_own, one.in_function) for one in seen] == found
