"""Variants by student: an id determines the drawn faces, the patient, and the attribute.

Every choice is computed from the id, so a grader who knows the id gets the same choices. The id is kept in the
student's record (`facegan.course.record`) for later notebooks. Without an id, all drawn faces are used, as in
`facegan.load_faces`. Photographs do not depend on the id.
"""

from __future__ import annotations

import hashlib
import unicodedata
from typing import NamedTuple

import torch
from torch import Tensor

from facegan import data
from facegan.course import record
from facegan.data.dataset import FaceDataset
from facegan.data.synthetic import synthetic_faces
from facegan.errors import ConfigError

LONGEST = 100  # characters of an id
PATIENTS = 6
ATTRIBUTES = ("skin_lightness", "background_lightness", "hair_volume", "smile", "yaw", "scale")
_SKIPPED = 5  # at most one in this many drawn faces is skipped
_COUNT = 500  # faces in `attribute`


class Attribute(NamedTuple):
    """Drawn faces and the values of one of their attributes."""

    name: str
    faces: Tensor  # uint8 (500, 3, 32, 32)
    values: Tensor  # (500,)


def student(id: str) -> None:
    """Set your student id for this notebook and for later ones that use the same folder of runs.

    Drawn faces, the patient "mine" of notebook 6, and the attribute of notebook 4 depend on it. Upper and lower case
    are equivalent.

    Args:
        id: a name or a number, in the form that your instructor requires.

    Raises:
        ConfigError: the id is not text, is empty, is longer than 100 characters, or has control characters.
    """
    record.put("student", "id", _checked(id))
    print(said())


def current() -> str | None:
    """Return the id in the record; None if there is none."""
    found = record.section("student").get("id")
    return found if isinstance(found, str) and found else None


def said() -> str:
    """Return one line that describes the effects of the id."""
    return (
        f"Student {current()}: drawn faces start at number {_skipped(data.SYNTHETIC_COUNT):,}, the attribute of "
        f'notebook 4 is {_attribute_name()}, and the patient "mine" of notebook 6 belongs to this id. Photographs '
        "are the same for all students."
    )


def own_faces(faces: FaceDataset) -> FaceDataset:
    """Return drawn faces without the first ones, whose number depends on the id; other faces are returned unchanged.

    No pixels are copied. As after `FaceDataset.split`, the fingerprint is the source's. Students have different numbers
    of faces, so a run on another student's faces is not resumed.
    """
    if current() is None or faces.name != "synthetic" or len(faces) != data.SYNTHETIC_COUNT:
        return faces
    rest = slice(_skipped(len(faces)), None)
    return FaceDataset(
        faces.images[rest],
        faces.name,
        crop=faces.crop,
        attributes={name: column[rest] for name, column in faces.attributes.items()},
        fingerprint=faces.fingerprint,
    )


def patient_number() -> int:
    """Return the number of the patient "mine", from 1 to 6."""
    return 1 + _choice("patient", PATIENTS)


def attribute() -> Attribute:
    """Return your attribute of drawn faces: its name, 500 small faces that depend on your id, and their values.

    >>> attribute().faces.shape
    torch.Size([500, 3, 32, 32])
    """
    images, columns = synthetic_faces(_COUNT, 32, seed=_choice("attribute's faces", 2**32))
    name = _attribute_name()
    return Attribute(name, torch.from_numpy(images), torch.from_numpy(columns[name]).float())


def _attribute_name() -> str:
    return ATTRIBUTES[_choice("attribute", len(ATTRIBUTES))]


def _skipped(count: int) -> int:
    return 1 + _choice("faces", max(1, count // _SKIPPED))


def _choice(what: str, options: int) -> int:
    """A number from 0 to options - 1 that depends on the id and on its purpose `what`."""
    text = f"{what}\n{(current() or '').casefold()}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % options


def _checked(id: object) -> str:
    if not isinstance(id, str):
        raise ConfigError(
            f'the student\'s id is {id!r}, expected text. Put it in quotes: fg.student("{id}").'
        )
    found = unicodedata.normalize("NFC", id).strip()
    if not found:
        raise ConfigError(
            'the student\'s id is empty. Pass the id that your instructor knows: fg.student("ada").'
        )
    if len(found) > LONGEST:
        raise ConfigError(
            f"the student's id has {len(found)} characters, expected at most {LONGEST}. Use a shorter one."
        )
    if any(unicodedata.category(character).startswith("C") for character in found):
        raise ConfigError(f"the student's id {found!r} has control characters. Type it again on one line.")
    return found
