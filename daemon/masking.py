"""What looks like a secret in a text that a training, a command of the owner or a library wrote, and is masked.

It is masked once, where such a text enters what is recorded, before it is cut to a length: half a secret has a form of
its own no more. Workers use it too: the standard library alone.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import quote, unquote, urlsplit

MASK = "***"
LEAST_CHARACTERS = 6
"""Shorter values of variables are left: a "1" or a "cpu" stands in every other line."""

_WORDS = (
    r"passwords?|passwd|passphrase|pwd|secrets?|(?<!pad_)(?<!eos_)(?<!bos_)(?<!unk_)(?<!sep_)(?<!cls_)(?<!mask_)token"
    r"|(?:api|access|account|auth|encryption|master|private|secret|shared|signing|ssh)[_-]?key|apikey|credentials?"
    r"|signature|(?<![a-z])sig"
)
_VALUE = r"""(?:"[^"\n]*"|'[^'\n]*'|[^\s"',;&)\]}]+)"""
_HARMLESS = r"(?![\"']?(?:\*\*\*|\d{1,5}(?![\w.-])|none\b|null\b|true\b|false\b))"


@dataclass(frozen=True, slots=True)
class Mask:
    """Masks what looks like a secret, and these values wherever they stand."""

    values: tuple[str, ...] = ()

    def __call__(self, text: str) -> str:
        """The text without its secrets."""
        for value in self.values:
            text = text.replace(value, MASK)
        for form, shown in _forms():
            text = form.sub(shown, text)
        return text


masked = Mask()
"""Masks what looks like a secret by its form alone."""


def mask_of(environ: Mapping[str, str], names: Iterable[str]) -> Mask:
    """Masks the values of these variables too, and the passwords in them; values of under 6 characters stay."""
    values = {part for name in names if name in environ for part in _parts(environ[name])}
    return Mask(
        tuple(sorted((value for value in values if len(value) >= LEAST_CHARACTERS), key=lambda v: (-len(v), v)))
    )


def _parts(value: str) -> Iterable[str]:
    """A value, its lines, and the password in it if it is an address, each as such and as in an address."""
    texts = {value, *(line.strip() for line in value.splitlines())}
    try:
        password = urlsplit(value.strip()).password
    except ValueError:
        password = None
    if password:
        texts |= {password, unquote(password)}
    texts |= {match[1].strip("\"'") for match in re.finditer(rf"(?:{_WORDS})\s*=\s*({_VALUE})", value, re.IGNORECASE)}
    return texts | {quote(text, safe="") for text in texts}


@cache
def _forms() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Each form of a secret, and what is shown for it; compiled with the first text, as most commands mask none."""
    return (
        # -----BEGIN RSA PRIVATE KEY----- ...
        (re.compile(r"(-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----).*?(?=-----END|\Z)", re.DOTALL), r"\1" + MASK),
        # postgres://user:password@host; a port is followed by a slash
        (re.compile(r"(://[^\s:/@\"']{0,200}:)(?!\d{1,5}/)[^\s\"'<>]{1,500}@"), r"\1" + MASK + "@"),
        # https://token@host
        (re.compile(r"(https?://)[^\s:/@?#\"'<>]{1,500}@", re.IGNORECASE), r"\1" + MASK + "@"),
        # Authorization: Bearer ..., also as Python and JSON print it
        (
            re.compile(
                r"(authorization\\?[\"']?\s{0,3}[:=]\s{0,3}\\?[\"']?(?:(?:bearer|basic|digest|negotiate|token)\s+)?)"
                r"(?!\*\*\*|(?:bearer|basic|digest|negotiate|token)\s)[^\s\"',;]+",
                re.IGNORECASE,
            ),
            r"\1" + MASK,
        ),
        (re.compile(r"\b((?i:bearer|basic)\s+)(?=\S*[0-9A-Z_.=])[\w.~+/=-]{8,}"), r"\1" + MASK),
        # the usual prefixes
        (
            re.compile(
                r"\b(gh[oprsu]_|github_pat_|glpat-|sk-(?=[\w-]*\d)|[rs]k_(?:live|test)_|xox[a-z]-|xapp-|AKIA|ASIA|AIza|ya29\."
                r"|rtn_|hf_|npm_|pypi-|dop_v1_|SG\.|whsec_|shpat_|dapi|eyJ)[\w.+/=-]{8,}"
            ),
            r"\1" + MASK,
        ),
        # password=..., "token": "...", api_key='...'
        (re.compile(rf"((?:{_WORDS})\\?[\"']?\s{{0,3}}=\s{{0,3}})\\?{_HARMLESS}{_VALUE}", re.IGNORECASE), r"\1" + MASK),
        (
            re.compile(
                rf"((?:{_WORDS})\\?[\"']?\s{{0,3}}:\s{{0,3}})\\?{_HARMLESS}(?=[\"']|\S*\d|\S+\s*\Z){_VALUE}",
                re.IGNORECASE,
            ),
            r"\1" + MASK,
        ),
        # --password hunter2
        (re.compile(rf"(--[\w-]{{0,40}}(?:{_WORDS})\s+)(?!-){_HARMLESS}{_VALUE}", re.IGNORECASE), r"\1" + MASK),
    )
