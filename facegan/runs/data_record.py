"""Records of data sets in checkpoints, run folders, and generator files.

A record of `FaceDataset.record()` has `name`, `count`, `image_size`, `crop`, and `fingerprint`. In older files, some of
these are missing or None. If training started from another run's networks, `started_from` has that run's name, step,
and record.
"""

from __future__ import annotations

from typing import Any

from facegan.errors import printable

Record = dict[str, Any]
STARTED_FROM = "started_from"


def differences(saved: Record, now: Record) -> dict[str, tuple[str, str]]:
    """Return {"data": (saved, now)}, as text, if the data differ; otherwise {}. Different names alone do not count."""
    names = ("count", "crop", "fingerprint")
    known = [name for name in names if saved.get(name) is not None and now.get(name) is not None]
    changed = [name for name in known if saved[name] != now[name]]
    return {"data": (in_words(saved), in_words(now))} if changed else {}


def comparison_warning(a: Record | None, b: Record | None) -> str:
    """A warning if two results have different faces or crops; empty if these are equal or unknown."""
    if not a or not b or _same(a, b):
        return ""
    what = "data" if _same_crop(a, b) else "crops"
    return f"The {what} differ ({in_words(a)}; {in_words(b)}), so numbers and faces cannot be compared."


def start_in_words(record: Record) -> str:
    """Describe the start: "base, step 100 on synthetic, 10,000 faces", or "random weights" without another run."""
    start = record.get(STARTED_FROM)
    if not start:
        return "random weights"
    return f"{start['run']}, step {start['step']:,} on {in_words(start['data'])}"


def in_words(record: Record) -> str:
    """Describe a record: "celeba, 32,600 faces, crop celeba-108, fingerprint 0123456789abcdef"."""
    parts = [printable(str(record.get("name", "unknown")))]
    kind = "points" if record.get("sample_shape") else "faces"
    parts += [f"{record['count']:,} {kind}"] if record.get("count") else []
    parts += [f"{key} {record[key]}" for key in ("crop", "fingerprint") if record.get(key)]
    return ", ".join(parts)


def _same(a: Record, b: Record) -> bool:
    if not _same_crop(a, b):
        return False
    key = "fingerprint" if a.get("fingerprint") and b.get("fingerprint") else "name"
    return a.get(key) is None or b.get(key) is None or a[key] == b[key]


def _same_crop(a: Record, b: Record) -> bool:
    """Whether two records have the same crop. Detected faces are framed like the crop `celeba-128`."""
    crops = {"celeba-128" if crop == "face" else crop for crop in (a.get("crop"), b.get("crop"))}
    return len(crops - {None}) < 2
