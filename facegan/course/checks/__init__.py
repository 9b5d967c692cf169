"""Checks of the exercises by behavior, never by source text.

Each check runs the student's function and raises `CheckFailed` with one sentence that names the mistake without giving
the answer. Any correct implementation passes. Every check is tested with correct and incorrect variants
(`tests/helpers/exercise_variants`).
"""

from facegan.course.checks.architecture import generator_block, init_weights, output_size
from facegan.course.checks.averages import update_average
from facegan.course.checks.clinic import patient_1, patient_2, patient_3, patient_4, patient_5, patient_6
from facegan.course.checks.data import center_crop, contact_sheet, scale, unscale
from facegan.course.checks.dirac import alternating_step, dirac_gradients, optimal_discriminator
from facegan.course.checks.dynamics import modes_covered, r1_penalty
from facegan.course.checks.latent import attribute_direction, latent_walk, slerp
from facegan.course.checks.losses import discriminator_loss, generator_loss
from facegan.course.checks.networks import discriminator, generator
from facegan.course.checks.tools import CheckFailed, taken_remarks
from facegan.course.checks.training import train_step

__all__ = [
    "CheckFailed", "alternating_step", "attribute_direction", "center_crop", "contact_sheet", "dirac_gradients",
    "discriminator", "discriminator_loss", "generator", "generator_block", "generator_loss", "init_weights",
    "latent_walk", "modes_covered", "optimal_discriminator", "output_size", "patient_1", "patient_2", "patient_3",
    "patient_4", "patient_5", "patient_6", "r1_penalty", "scale", "slerp", "taken_remarks", "train_step", "unscale", "update_average",
]  # fmt: skip
