"""How far generated faces are from real ones, and the table of finished runs."""

from facegan.evaluation.distances import distinct, frechet_distance, recall
from facegan.evaluation.features import Eigenfaces
from facegan.evaluation.results import Evaluator, table, warn_if_not_comparable

__all__ = [
    "Eigenfaces",
    "Evaluator",
    "distinct",
    "frechet_distance",
    "recall",
    "table",
    "warn_if_not_comparable",
]
