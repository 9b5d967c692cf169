"""Formats tables of measurements as text."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    """Format rows of cells as lines with aligned columns; the first `left` columns are left-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(_cells(row, widths, left)).rstrip() for row in rows]


def _cells(row: Sequence[str], widths: Sequence[int], left: int) -> list[str]:
    padded = zip(row, widths, strict=True)
    return [cell.ljust(w) if i < left else cell.rjust(w) for i, (cell, w) in enumerate(padded)]
