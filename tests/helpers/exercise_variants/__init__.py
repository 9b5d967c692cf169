"""Solutions as students write them, for each exercise.

`RIGHT[name]` is a list of functions that must pass, `BUT[name]` of (function, pattern) that work and ignore something
the text asks for ("right, but ..."), `WRONG[name]` of (function, pattern) that must be refused. A pattern is what the
feedback must say.
"""

from helpers.exercise_variants import (
    architecture,
    architecture_more,
    clinic,
    clinic_more,
    data,
    data_more,
    dynamics,
    dynamics_more,
    latent,
    latent_more,
    named_mistakes,
    second_round,
    third_round,
    training,
    training_more,
)

PARTS = (
    data, data_more, architecture, architecture_more, training, training_more, latent, latent_more, dynamics, dynamics_more,
    clinic, clinic_more, second_round, third_round, named_mistakes,
)  # fmt: skip


def _joined(group):
    found = {}
    for part in PARTS:
        for name, variants in getattr(part, group, {}).items():
            found.setdefault(name, []).extend(variants)
    return found


RIGHT, BUT, WRONG = map(_joined, ("RIGHT", "BUT", "WRONG"))
