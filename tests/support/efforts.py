"""How hard property tests try: little in a quick run, more in the usual one, most in a long one.

`make quick` uses the profile `quick`, `make test` the profile `usual`, and `-m long` the profile `long`. The
usual examples are the same each time, so that a change passes or fails for what it changes; the others look
for new ones.
"""

from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, Phase, is_hypothesis_test, settings
from hypothesis.internal.conjecture import engine

# How long a failing property test looks for a smaller example. By default it takes up to 300 seconds, then
# runs others to explain the failure: the limit of a test is 300, so a run did not say what failed.
SHRINKING_SECONDS = 20
PHASES = tuple(phase for phase in Phase if phase is not Phase.explain)
EXAMPLES = {"quick": 10, "usual": 40, "long": 400}


def register() -> None:
    """Register the profiles, and load the usual one."""
    setattr(engine, "MAX_SHRINKING_SECONDS", SHRINKING_SECONDS)  # noqa: B010  # it is no setting
    for name, examples in EXAMPLES.items():
        # No test asserts how long something takes, and what is slow on a busy machine is no failure.
        settings.register_profile(
            name,
            max_examples=examples,
            derandomize=name == "usual",
            deadline=None,
            phases=PHASES,
            suppress_health_check=[HealthCheck.too_slow],
        )
    settings.load_profile("usual")


def choose(config: pytest.Config) -> None:
    """Load the profile of a long run if that is what was asked for."""
    if _is_long(config):
        settings.load_profile("long")


def add_property_tests(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Give every property test the marker `long` in a long run, which is chosen by that marker."""
    if not _is_long(config):
        return
    for item in items:
        if is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker("long")


def examples(factor: float = 1, *, shares_fixtures: bool = False) -> settings:
    """Return settings for `factor` times as many examples as the profile has.

    `shares_fixtures` is for a test whose examples all use the same repository on purpose.
    """
    count = max(1, round(factor * settings().max_examples))
    shared = [HealthCheck.function_scoped_fixture] if shares_fixtures else []
    return settings(max_examples=count, suppress_health_check=[HealthCheck.too_slow, *shared])


def _is_long(config: pytest.Config) -> bool:
    return str(config.option.markexpr).strip() == "long"
