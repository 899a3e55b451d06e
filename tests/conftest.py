"""What several tests share: a registry with a toy model, and campaigns on it that take seconds."""

import functools
import importlib.util
import json
import os

# before numpy and torch are loaded: tests run side by side, one for each core, and threads that spin slow all of them
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RETUNED_CHECK", "0")  # register without trainings; the tests of the check ask for it
# The tests start thousands of processes, and each would compile our modules anew: a fifth of what a short one costs.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import atexit
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from retuned.daemon.campaign.campaign import run_campaign
from retuned.daemon.campaign.request import open_or_queue
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import Config
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.state.campaigns.campaigns import Campaign, open_campaigns
from retuned.daemon.state.models.registry import Model, find_model, register
from retuned.daemon.state.store import Store

hypothesis.settings.register_profile("retuned", deadline=None)  # how fast a machine is, is not what is tested
hypothesis.settings.load_profile("retuned")

TOYS = Path(__file__).parent / "toys"
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
LONGEST = (  # what runs for 20 s and more on one core, a module with a fixture of its own as a whole; the longest first
    "test_runner_conformance.py",
    "test_ray_campaign.py",
    "test_slurm_campaign.py",
    "test_hostile_campaigns.py",
    "test_systemd.py",
    "test_panda_search.py",
    "test_faults_study.py",
    "test_fused_campaign.py",
    "test_kills_study.py",
    "test_server.py",
    "test_trainer.py",
    "test_samplers.py",
    "test_examples.py",
    "test_output.py",
    "test_split_campaign.py",
)


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._now.timestamp()

    def sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    def move(self, **parts: float) -> None:
        self._now += timedelta(**parts)


@dataclass
class Desk:
    """A state folder with one toy model, and the verbs that tests need."""

    folder: Path
    store: Store
    config: Config

    def write_data(self, **toy: Any) -> None:
        """How the toy training behaves from now on."""
        (self.folder / "data.json").write_text(json.dumps(toy))

    def write_model(self, **changes: str) -> Path:
        """The model file; `changes` replace whole tables by their text."""
        tables = {
            "top": 'name = "toy"\nowner = "tests"',
            "training": self.training_table(TOYS / "quadratic.py"),
            "data": 'path = "data.json"',
            "objective": 'metric = "score"\ndirection = "maximize"',
            "hyperparameters.lr": 'type = "float"\nlow = 1e-4\nhigh = 1.0\nlog = true\nvalue = 0.01',
        } | changes
        path = self.folder / "model.toml"
        path.write_text("\n".join(text if name == "top" else f"[{name}]\n{text}" for name, text in tables.items()))
        return path

    def training_table(self, script: Path) -> str:
        """The model file's [training] for a toy script."""
        command = json.dumps([sys.executable, "-I", "-S", str(script), "{lr}"])
        return f'command = {command}\nbudget = {{steps = 10}}\ntimeout = "30s"\nslots = 2'

    def register(self, **changes: str) -> Model:
        """Register the toy model."""
        path = self.write_model(**changes)
        return register(self.store, load_model_file(path), path, SystemClock().now()).model

    def baseline(self) -> Campaign:
        """Run the queued baseline."""
        return self.run(next(c for c in open_campaigns(self.store) if c.kind == "baseline"))

    def retune(self, seed: int | None = None, **options: Any) -> Campaign:
        """Queue a re-evaluation, or take up the open one, and run it."""
        model = find_model(self.store, "toy")
        return self.run(open_or_queue(self.store, model, "retune", seed, options, SystemClock()))

    def run(self, campaign: Campaign, environ: Mapping[str, str] = os.environ) -> Campaign:
        """Carry a campaign to its end in this process."""
        return run_campaign(self.store, campaign.id, clock=SystemClock(), config=self.config, environ=environ)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A state folder of its own, with toy data in place and nothing registered."""
    return make_desk(tmp_path)


@pytest.fixture
def other_desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A second one, elsewhere."""
    return make_desk(tmp_path_factory.mktemp("other"))


def make_desk(folder: Path) -> Desk:
    """A desk in the folder, whose database took its schema steps once for all desks: a tenth of the work."""
    config = Config(state=folder / "state")
    if not config.state.exists():
        shutil.copytree(_empty_state(), config.state)
    made = Desk(folder, Store(config.state), config)
    made.write_data()
    return made


@functools.cache
def _empty_state() -> Path:
    """A state folder with a database and nothing in it, of this process. Only to be copied."""
    folder = Path(tempfile.mkdtemp(prefix="retuned-empty-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    Store(folder / "state").close()
    return folder / "state"


@pytest.fixture(scope="session")
def new_desk() -> Callable[[Path], Desk]:
    """Desks for fixtures that serve a whole module."""
    return make_desk


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk whose toy model has a baseline, a FRESH campaign and a STALE one. Only to be read."""
    made = make_desk(tmp_path_factory.mktemp("judged"))
    made.register(settings='file = "live.json"', alerts='webhook = "http://127.0.0.1:9/hook/token-4711"')
    made.baseline()
    made.retune(seed=3)  # one that finds nothing better, and so trains no pairs
    made.write_data(optimum=-3.0)
    made.retune(seed=1)
    return made


@pytest.fixture
def judged_copy(judged: Desk, tmp_path: Path) -> Desk:
    """A copy of it that a test may change."""
    return copy_desk(judged, tmp_path / "copy")


def copy_desk(original: Desk, folder: Path) -> Desk:
    """A desk of its own in the folder, in the original's state."""
    shutil.copytree(original.folder, folder)
    config = Config(state=folder / "state")
    return Desk(folder, Store(config.state), config)


def leave_undecided(made: Desk, max_pairs: int) -> Desk:
    """Give the desk a re-evaluation of moved data, campaign 2, that four pairs cannot decide and eight can."""
    made.register(search=f"max_pairs = {max_pairs}\nchallengers = 4")
    made.baseline()
    made.write_data(optimum=-2.7)
    made.retune(seed=1)
    return made


@pytest.fixture(scope="session")
def undecided_original(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk whose campaign 2 ended INCONCLUSIVE after four pairs. Only to be copied."""
    return leave_undecided(make_desk(tmp_path_factory.mktemp("undecided")), 4)


@pytest.fixture
def undecided(undecided_original: Desk, tmp_path: Path) -> Desk:
    """A copy of it that a test may change."""
    return copy_desk(undecided_original, tmp_path / "undecided")


@pytest.fixture
def undivided(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """The same re-evaluation, allowed eight pairs from the start."""
    return leave_undecided(make_desk(tmp_path_factory.mktemp("undivided")), 8)


@pytest.fixture
def clock() -> HandClock:
    """A clock that only the test moves."""
    return HandClock()


@pytest.fixture(scope="module")
def new_ray_cluster(of_benchmarks: Callable[[str], Any]) -> Iterator[Callable[..., Any]]:
    """Begins clusters (benchmarks/ray_cluster.py); each is ended with the tests of its module."""
    if importlib.util.find_spec("ray") is None:
        reason = "Ray is not installed, so nothing was tested on a cluster: pip install 'retuned[ray]'"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    module = of_benchmarks("ray_cluster")
    begun: list[Any] = []

    def begin(**options: Any) -> Any:
        # paths of sockets are short: pytest's own folders are too long for them
        begun.append(module.RayCluster(Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp")), **options))
        begun[-1].start()
        return begun[-1]

    yield begin
    for cluster in begun:
        cluster.end()
        shutil.rmtree(cluster.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def ray_cluster(new_ray_cluster: Callable[..., Any]) -> Any:
    """A cluster for the tests of a module; one that ends it begins it again."""
    return new_ray_cluster()


@pytest.fixture(scope="session")
def of_benchmarks() -> Callable[[str], Any]:
    """Loads a file of benchmarks/ by its name."""

    def load(name: str) -> Any:
        spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def retuned(tmp_path: Path) -> Callable[..., Any]:
    """The command line as a subprocess on a state folder of its own."""

    def call(*words: object, **options: Any) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "retuned.daemon", "--state", tmp_path / "state", *words]
        return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=150, **options)

    return call


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, then modules that stay whole, so that processes that share the tests end together."""

    def place(item: pytest.Item) -> tuple[int, bool]:
        rank = next((i for i, name in enumerate(LONGEST) if name in item.nodeid), len(LONGEST))
        return rank, not is_whole(item.path)

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share the tests out one by one, in their order; a module whose tests have a fixture in common stays whole.

    The plugin's own groups are not used: from pytest 9.2 on, `xdist_group` has no effect, as the names of the groups do
    not get into node ids, and each process set up what was to be set up once.
    """
    from xdist.scheduler import LoadScopeScheduling

    class OneByOneOrWhole(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module = nodeid.partition("::")[0]
            return module if is_whole(config.rootpath / module) else nodeid

    config.option.loadscopereorder = False
    return OneByOneOrWhole(config, log)


@functools.cache
def is_whole(module: Path) -> bool:
    """Whether the tests of a module share a fixture: it would be set up anew in each process that runs one of them."""
    text = module.read_text()
    return any(shared in text for shared in ('scope="module"', "ray_cluster", "slurm_cluster", "shared_bench"))
