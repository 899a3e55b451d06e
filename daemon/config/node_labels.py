"""Labels of a cluster's nodes, as owners write them and as they stand among a node's resources."""

import re
from typing import Annotated

from pydantic import AfterValidator

from .toml_input import Text, refusal, shown

_LABEL = re.compile(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")


def _label(value: str) -> str:
    if not _LABEL.fullmatch(value):
        allowed = "allowed: a label of a node, letters, digits and . _ - inside, before it at most a prefix with /"
        raise refusal(f"is {shown(value)}", allowed, "for instance labels = {market-type = 'on-demand'}")
    return value


Label = Annotated[Text, AfterValidator(_label)]


def label_of(name: str, value: str) -> str:
    """How a node's label stands among its resources, of which it then has one."""
    return f"label:{name}={value}"
