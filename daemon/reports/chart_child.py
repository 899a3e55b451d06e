"""The process that draws the chart of one e-mail: `chart_child STATE MODEL` writes a PNG to its standard output. The
service itself loads no library that draws."""

import sys
import tempfile
from pathlib import Path

from ..state.models.registry import find_model
from ..state.store import Store
from .drift_plot import write_plot
from .drift_record import drift_points


def main() -> None:
    """Draw a model's drift record: the scores of its settings and of what was found better, one point a campaign."""
    state, name = Path(sys.argv[1]), sys.argv[2]
    store = Store(state)
    model = find_model(store, name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chart.png"
        write_plot(model, drift_points(store, model), path)
        sys.stdout.buffer.write(path.read_bytes())


if __name__ == "__main__":
    main()
