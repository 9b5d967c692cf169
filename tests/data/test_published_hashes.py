"""Which digests and contents make an archive the published one."""

import hashlib
import io
import warnings
import zipfile
from dataclasses import replace

import pytest
from helpers.published import installed

from facegan.data import registry
from facegan.data.registry import fetch
from facegan.errors import DownloadError


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_any_one_of_the_published_hashes_identifies_the_archive(source, body, monkeypatch, kind):
    known = f"{kind}:{hashlib.new(kind, body).hexdigest()}"
    published = replace(source, hashes=("sha256:" + "0" * 64, known), pixels=None)
    monkeypatch.setitem(registry.SOURCES, "celeba", published)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fetch("celeba").read_bytes() == body


def test_an_image_that_cannot_be_decoded_makes_an_archive_of_unknown_hash_unsound(source, server, body):
    """Its CRC is right: only decoding shows it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as old, zipfile.ZipFile(packed, "w") as new:
        for member in old.infolist():
            data = old.read(member)
            new.writestr(member.filename, b"no image" if member.filename.endswith("000003.jpg") else data)
    server.files["/faces.zip"] = packed.getvalue()
    with pytest.raises(DownloadError, match=r"000003\.jpg"):
        fetch("celeba")
    assert not installed()
