"""Who proposes the configurations of a caviar search, by the name that an owner writes."""

from enum import StrEnum

LEAST_OPTUNA = 5  # its major version


class Sampler(StrEnum):
    """What `[search] sampler` allows.

    Left out of Optuna's: CmaEsSampler keeps its state in the trials that it asked for itself, so that a study rebuilt
    from a record knows nothing of it, and one of its generations is as large as what is left after the first wave;
    GridSampler and BruteForceSampler enumerate; the genetic ones need populations of dozens; QMCSampler is "sobol".
    """

    AUTO = "auto"  # waves, by our own model of the scores
    SOBOL = "sobol"
    TPE = "optuna:tpe"
    GP = "optuna:gp"
    RANDOM = "optuna:random"

    @property
    def is_optuna(self) -> bool:
        """Whether it comes from Optuna, which is an extra."""
        return self.value.startswith("optuna:")

    @property
    def words(self) -> str:
        """What it does, as a clause that follows the number of challengers; empty for the usual one."""
        return _WORDS.get(self, "")

    def refusal(self, version: str | None) -> tuple[str, str, str]:
        """What was found, what is allowed and what to do where this Optuna, None for none, cannot be used."""
        has = "Optuna is not installed beside retuned" if version is None else f"Optuna {version} is installed"
        return (
            f"search.sampler is '{self.value}', and {has}",
            f"allowed: Optuna {LEAST_OPTUNA}.0 or newer, or the samplers 'auto' and 'sobol'",
            "pip install 'retuned[optuna]', or write sampler = \"auto\"",
        )


_WORDS = {
    Sampler.SOBOL: "Sobol points",
    Sampler.TPE: "the later ones proposed by Optuna's TPE",
    Sampler.GP: "the later ones proposed by Optuna's Gaussian process",
    Sampler.RANDOM: "drawn at random by Optuna",
}
