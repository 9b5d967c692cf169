"""Mirrors of the named data sets, and the order in which they are tried."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from facegan.data.https import Https
from facegan.data.transfer import NOTHING, Drive, Expected, Kaggle, MirrorError

PATIENCE = 5.0  # seconds to wait for the publisher if the next mirror is $FACEGAN_MIRROR


@dataclass(frozen=True)
class Cut:
    """The fallback if no mirror provides a zip: faces cut from the images of the data set `name`.

    These are the first images by file name, as many as in the zip, with its crop. They are the same on every machine.
    The first 32,600 images of CelebA are all in the training part of its official split, so the other parts can be used
    for comparisons.
    """

    name: str

    def __str__(self) -> str:
        return f"faces cut from {self.name}"


@dataclass(frozen=True)
class Hurried:
    """A mirror that is skipped if it does not respond within `PATIENCE` seconds, because a local copy is next."""

    mirror: Https

    def __str__(self) -> str:
        return str(self.mirror)

    def fetch(self, target: Path, expected: Expected = NOTHING) -> Path:
        answers: list[MirrorError | None] = []

        def ask() -> None:
            try:
                self.mirror.ask()
                answers.append(None)
            except MirrorError as error:
                answers.append(error)

        asking = threading.Thread(
            target=ask, daemon=True
        )  # a host name may have many addresses, each with a timeout
        asking.start()
        asking.join(PATIENCE)
        if not answers:
            raise MirrorError(f"no answer within {PATIENCE:.0f} seconds")
        if answers[0] is not None:
            raise answers[0]
        return self.mirror.fetch(target, expected)


Mirror = Https | Drive | Kaggle | Hurried
Route = Https | Drive | Kaggle | Cut

CELEBA: tuple[Route, ...] = (
    Https(
        "https://s3.amazonaws.com/video.udacity-data.com/topher/2018/November/"
        "5be7eb6f_processed-celeba-small/processed-celeba-small.zip"
    ),
    Cut("celeba-full"),
)
CELEBA_FULL: tuple[Route, ...] = (
    Https("https://s3.amazonaws.com/pytorch-tutorial-assets/img_align_celeba.zip"),
    Drive("1O7m1010EJjLE5QxLZiM9Fpjs7Oj6e684"),  # used by Keras' documentation, also with gdown
    Drive("0B7EVK8r0v71pZjFTYXZWM3FlRnM"),  # from CelebA's authors
    Kaggle("jessicali9530/celeba-dataset/versions/2", "img_align_celeba/img_align_celeba"),
)


def in_order(file: str, published: Sequence[Route], *, drive_id: str | None = None) -> list[Mirror]:
    """The mirrors of a data set in the order in which they are tried.

    Args:
        file: name of the zip. A copy at `$FACEGAN_MIRROR/FILE` is tried after the publisher's https mirrors; if there
            is one, a publisher that does not respond within `PATIENCE` seconds is skipped.
        published: the data set's own mirrors; https mirrors are tried before the others.
        drive_id: a class's own copy on Google Drive, which is tried before other files on Google Drive.
    """
    nearby = os.environ.get("FACEGAN_MIRROR")
    https = [mirror for mirror in published if isinstance(mirror, Https)]
    return [
        *(map(Hurried, https) if nearby else https),
        *([Https(f"{nearby.rstrip('/')}/{file}")] if nearby else []),
        *([Drive(drive_id)] if drive_id else []),
        *(mirror for mirror in published if not isinstance(mirror, Https | Cut)),
    ]


def cut_in(published: Iterable[Route]) -> str:
    """The name of the data set from which faces can be cut; '' if there is none."""
    return next((route.name for route in published if isinstance(route, Cut)), "")
