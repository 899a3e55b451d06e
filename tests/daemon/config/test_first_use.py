"""Tables are built when they are first used; a service's threads may do that at once."""

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[3] / "examples" / "model.example.toml"


def test_threads_that_read_the_first_model_file_at_once_all_read_it():
    code = """if True:
        import sys, threading
        from concurrent.futures import ThreadPoolExecutor
        from pathlib import Path
        from retuned.daemon.config.model_file import ModelFile, load_model_file
        assert not ModelFile.__pydantic_complete__
        sys.setswitchinterval(1e-6)
        gate = threading.Barrier(8)
        def read(_):
            gate.wait()
            return load_model_file(Path(sys.argv[1])).to_json()
        with ThreadPoolExecutor(8) as pool:
            print(len(set(pool.map(read, range(8)))))
    """
    done = subprocess.run([sys.executable, "-c", code, str(EXAMPLE)], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("1\n", "")
