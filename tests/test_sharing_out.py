"""How the tests are shared out among processes, see conftest.py."""

import shutil
import subprocess
import sys
from pathlib import Path

SHARED = """import os, pytest
@pytest.fixture(scope="module")
def dear():
    with open({log!r}, "a") as log:
        log.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")
@pytest.mark.parametrize("number", range(3))
def test_of_many(dear, number):
    pass
"""
SINGLE = """import os, pytest
@pytest.mark.parametrize("number", range(8))
def test_by_itself(number):
    with open({log!r}, "a") as log:
        log.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")
"""


def test_a_modules_fixture_is_set_up_once_and_single_tests_are_shared_out(tmp_path):
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    shared, single = tmp_path / "shared.log", tmp_path / "single.log"
    (tmp_path / "test_shared.py").write_text(SHARED.format(log=str(shared)))
    (tmp_path / "test_single.py").write_text(SINGLE.format(log=str(single)))
    unused = [word for name in ("cacheprovider", "schemathesis", "hypothesispytest") for word in ("-p", f"no:{name}")]
    words = ["-q", "-n", "2", *unused, "--rootdir", str(tmp_path), str(tmp_path)]
    subprocess.run([sys.executable, "-m", "pytest", *words], check=True, stdout=subprocess.DEVNULL, cwd=tmp_path)
    assert len(shared.read_text().splitlines()) == 1
    assert set(single.read_text().split()) == {"gw0", "gw1"}
