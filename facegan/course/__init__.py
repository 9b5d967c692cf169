"""The exercises of the course, their checks, and grading."""

from facegan.course import exercise

__all__ = ["exercise"]
