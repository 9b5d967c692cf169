"""Compares generated faces with real faces: distances, copies, and a table of runs."""

from facegan.evaluation.distances import distinct, frechet_distance, recall
from facegan.evaluation.features import Eigenfaces
from facegan.evaluation.memorization import (
    CopyDetector,
    CopyScore,
    copies_picture,
    copy_scores,
    first_copies,
)
from facegan.evaluation.results import Evaluator, table, warn_if_not_comparable

__all__ = [
    "CopyDetector",
    "CopyScore",
    "Eigenfaces",
    "Evaluator",
    "copies_picture",
    "copy_scores",
    "distinct",
    "first_copies",
    "frechet_distance",
    "recall",
    "table",
    "warn_if_not_comparable",
]
