"""Where the named data sets can be downloaded, and in which order the places are tried."""

from __future__ import annotations

import os
from collections.abc import Sequence

from facegan.data.transfer import Drive, Https, Kaggle

Mirror = Https | Drive | Kaggle

CELEBA: tuple[Mirror, ...] = (
    Https(
        "https://s3.amazonaws.com/video.udacity-data.com/topher/2018/November/"
        "5be7eb6f_processed-celeba-small/processed-celeba-small.zip"
    ),
)
CELEBA_FULL: tuple[Mirror, ...] = (
    Https("https://s3.amazonaws.com/pytorch-tutorial-assets/img_align_celeba.zip"),
    Drive("0B7EVK8r0v71pZjFTYXZWM3FlRnM"),
    Kaggle("jessicali9530/celeba-dataset/versions/2", "img_align_celeba/img_align_celeba"),
)


def in_order(file: str, published: Sequence[Mirror], *, drive_id: str | None = None) -> list[Mirror]:
    """The mirrors of a data set in the order in which they are tried.

    Args:
        file: the zip's name; a copy at `$FACEGAN_MIRROR/FILE` comes first.
        published: the data set's own mirrors; https comes before the others.
        drive_id: a class's own copy on Google Drive, tried before the other ones there.
    """
    nearby = os.environ.get("FACEGAN_MIRROR")
    https = [mirror for mirror in published if isinstance(mirror, Https)]
    return [
        *([Https(f"{nearby.rstrip('/')}/{file}")] if nearby else []),
        *https,
        *([Drive(drive_id)] if drive_id else []),
        *(mirror for mirror in published if mirror not in https),
    ]
