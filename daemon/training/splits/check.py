"""Whether the data that a model file names can be cut as it says: looked at before a model is registered."""

from importlib.util import find_spec

from ....strategies.errors import CampaignFailed, InputError
from ....strategies.splits.partition import Sizes
from ...config.model_file import ModelFile
from ..snapshot import sources
from . import parquet_table
from .cut import plan_cut, sizes_of
from .open_source import TABLES, source_in, table_of
from .source import Source
from .streams import suffix_of

WHOLE_BYTES = 64 << 20
"""Up to this size data are looked through as a whole, which takes about a second; of others the first rows."""


def check_split(file: ModelFile, *, is_service: bool = False, whole_bytes: int = WHOLE_BYTES) -> Sizes | None:
    """How large the parts are that the data are cut into; None where that is not looked at, or not known yet.

    Up to `whole_bytes` data are looked through as a whole. In the service, which stays small, Parquet files are not
    opened. Raises InputError where the data cannot be cut as the model file says; without data yet, nothing is said.
    """
    data, split = file.data, file.split
    if data is None or split is None:
        return None
    try:
        paths = sources(data)
    except CampaignFailed:
        return None  # the prepare command may fetch them; else the check of paths has said so
    if any(suffix_of(path) in parquet_table.SUFFIXES for path in paths) and is_service and find_spec("pyarrow"):
        return None
    source: Source
    if data.path is not None:
        source = source_in(data, split, data.path)
    elif any(suffix_of(path) in TABLES for path in paths):
        source = table_of(list(paths))
    else:
        return None  # single files, of which the campaign makes a folder
    if sum(path.stat().st_size for path in source.files) <= whole_bytes:
        shares = split.shares(file.search.max_pairs)
        return sizes_of(plan_cut(source, split, shares, None, lambda: None).parts, shares.slices)
    if next(source.scan(split.column), None) is None:
        raise InputError(f"{source.name} has no row", "", "check [data] in the model file")
    return None
