"""Solutions as students write them: right ones, all of which must pass, and wrong ones with what must be said.

`RIGHT[name]` is a list of functions, `WRONG[name]` a list of (function, pattern in the feedback).
"""

from helpers.exercise_variants import architecture, clinic, data, dynamics, latent, training

PARTS = (data, architecture, training, latent, dynamics, clinic)
RIGHT = {name: variants for part in PARTS for name, variants in part.RIGHT.items()}
WRONG = {name: variants for part in PARTS for name, variants in part.WRONG.items()}
