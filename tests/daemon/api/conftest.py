import shutil

import pytest
from retuned.daemon.config.config import load_config
from retuned.strategies.errors import InputError


@pytest.fixture(scope="module")
def served_by_module(judged, new_desk, tmp_path_factory, serve):
    """A served desk with a verdict, of which the tests of a module share one copy."""
    folder = tmp_path_factory.mktemp("served") / "desk"
    shutil.copytree(judged.folder, folder)
    made = serve(new_desk(folder))
    yield made
    made.api.stop()


@pytest.fixture
def refused(tmp_path):
    """Checks that a configuration with such an [api] is refused with such words."""

    def check(table, said):
        path = tmp_path / "config.toml"
        path.write_text(f"[api]\n{table}\n")
        with pytest.raises(InputError, match=said):
            load_config(path, {"HOME": str(tmp_path)})

    return check
