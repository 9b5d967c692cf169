"""Draws procedural portraits with known attributes.

Every face is drawn from a table of attributes (skin, hair, smile, light, ...) with independent columns. Their
distributions are in `DISTRIBUTIONS`, so what a GAN has learned about them can be measured exactly. The renderer paints
signed-distance shapes with height-field shading, in batched torch arithmetic on the CPU. Its only input is the table.

Full 3-D geometry, cast shadows, gender, and ethnicity are not modeled.
"""

from facegan.data.synthetic.attributes import DISTRIBUTIONS, Choice, Uniform, draw_attributes
from facegan.data.synthetic.render import render_faces, synthetic_faces

DRAWING_VERSION = 2  # increase it if any pixel changes, so that cached faces of other versions are redrawn

__all__ = [
    "DISTRIBUTIONS",
    "DRAWING_VERSION",
    "Choice",
    "Uniform",
    "draw_attributes",
    "render_faces",
    "synthetic_faces",
]
