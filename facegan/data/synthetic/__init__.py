"""Procedural portraits with known attributes: a data set that needs no download.

Every face is drawn from a table of attributes (skin, hair, smile, light, ...) whose columns are independent
and whose distributions are stated in `DISTRIBUTIONS`, so what a GAN has learned of them can be measured
exactly. The renderer paints signed-distance shapes over a soft height-field shading with batched torch
arithmetic on the CPU; its only input is the table.

It does not cover photographs, full 3-D geometry, cast shadows, or any notion of gender or ethnicity.
"""

from facegan.data.synthetic.attributes import DISTRIBUTIONS, Choice, Uniform, draw_attributes
from facegan.data.synthetic.render import render_faces, synthetic_faces

DRAWING_VERSION = 2  # raise it when a change alters any pixel: cached faces of other versions are drawn again

__all__ = [
    "DISTRIBUTIONS",
    "DRAWING_VERSION",
    "Choice",
    "Uniform",
    "draw_attributes",
    "render_faces",
    "synthetic_faces",
]
