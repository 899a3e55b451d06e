"""The samplers that may propose the configurations of a caviar search, by their names in a model file."""

from enum import StrEnum

LEAST_OPTUNA = 5  # its major version


class Sampler(StrEnum):
    """The allowed values of `[search] sampler`.

    Of Optuna's samplers these are left out: CmaEsSampler keeps its state in the trials that it asked for itself, so a
    study rebuilt from the record lacks it, and one generation takes all the trials left after the first wave;
    GridSampler and BruteForceSampler enumerate; the genetic samplers need populations of dozens; QMCSampler is "sobol".
    """

    AUTO = "auto"  # waves by retuned's own Gaussian process
    SOBOL = "sobol"
    TPE = "optuna:tpe"
    GP = "optuna:gp"
    RANDOM = "optuna:random"

    @property
    def is_optuna(self) -> bool:
        """Whether it comes from Optuna, an optional dependency."""
        return self.value.startswith("optuna:")

    @property
    def words(self) -> str:
        """What it does, as a clause after the number of challengers; empty for the default."""
        return _WORDS.get(self, "")

    def refusal(self, version: str | None) -> tuple[str, str, str]:
        """Found, allowed and remedy for an Optuna that cannot be used; `version` is None where it is missing."""
        has = "Optuna is not installed with retuned" if version is None else f"Optuna {version} is installed"
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
