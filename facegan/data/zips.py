"""Opens zips that may be corrupt or malicious, after checks, and reads members up to a limit.

Zips are refused if they claim to unpack to very large sizes, are encrypted, or have a directory that is inconsistent or
disagrees with the members. If a program removed an image from the directory and from its count, this is not detected,
because zips have no digest of their directory.
"""

from __future__ import annotations

import copy
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

from facegan.errors import DataError, first_line

MAX_RATIO = 100  # maximum unpacked size / packed size of a whole archive
MAX_MEMBER = 10_000_000  # maximum unpacked bytes of a member with a larger ratio
_PART = 1 << 16  # bytes read at a time
_MOST_MEMORY = 1 << 28  # bytes that LZMA may use
_LOCAL = struct.Struct("<4s22xH2x")  # local header of a member: signature, length of its name


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open a zip and check its directory. Raises `DataError` if it is corrupt, malicious, or not supported."""
    try:
        archive = zipfile.ZipFile(path)
    except OSError as error:
        raise DataError(f"cannot read {path.name}: {error.strerror or error}.") from None
    except NotImplementedError as error:
        raise _unsupported(path, first_line(error)) from None
    except Exception as error:  # zipfile raises many kinds of errors on corrupt bytes
        with path.open("rb") as file:
            is_page = file.read(512).lstrip().startswith(b"<")
        if is_page:
            raise DataError(f"{path.name} is a web page, expected a zip. Download it again.") from None
        raise _corrupt(path, first_line(error)) from None
    try:
        for check in (_refuse_bomb, _refuse_encrypted, _refuse_duplicates, _refuse_overlap, _refuse_lost):
            check(path, archive.infolist())
    except DataError:
        archive.close()
        raise
    return archive


def check_unread(archive: zipfile.ZipFile, read: Collection[str]) -> None:
    """Raise `DataError` if a member's name in the directory differs from that in the member itself.

    Members in `read` are skipped, because their names are compared when they are read.
    """
    path = Path(archive.filename or "")
    with path.open("rb") as file:
        for m in (m for m in archive.infolist() if m.filename not in read):
            file.seek(m.header_offset)
            length = len(_packed_name(m))
            head = file.read(_LOCAL.size + length)
            if len(head) < _LOCAL.size + length or (
                (b"PK\x03\x04", length, _packed_name(m)) != (*_LOCAL.unpack_from(head), head[_LOCAL.size :])
            ):
                raise _corrupt(path, f"{m.filename}: the directory and the file disagree")


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read a member, unpacked up to the size in the directory. Raises `DataError` if it is corrupt."""
    path, member = Path(archive.filename or ""), archive.getinfo(name)
    if member.compress_type not in _METHODS:
        raise _unsupported(path, f"{name}: method {member.compress_type}")
    try:
        return _METHODS[member.compress_type](archive, member)
    except NotImplementedError as error:
        raise _unsupported(path, f"{name}: {first_line(error)}") from None
    except Exception as error:  # zipfile and its decompressors raise many kinds of errors on corrupt bytes
        raise _corrupt(path, f"{name}: {first_line(error)}") from None


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as file:
        return b"".join(iter(lambda: file.read(_PART), b""))


def _read_bzip2(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    import bz2

    with archive.open(_as_packed(member)) as file:
        return _unpacked(file, bz2.BZ2Decompressor(), member)


def _read_lzma(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    import lzma

    with archive.open(_as_packed(member)) as file:
        settings = file.read(9)[4:]
        decompressor = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_MOST_MEMORY)
        has_end = (
            member.flag_bits & 0x2
        )  # there is an end marker after the last byte; otherwise, the size is needed
        decompressor.decompress(
            settings + (b"\xff" * 8 if has_end else member.file_size.to_bytes(8, "little"))
        )
        return _unpacked(file, decompressor, member)


def _as_packed(member: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """The member as if it were stored without compression, because zipfile unpacks bzip2 and LZMA without a limit."""
    packed = copy.copy(member)
    packed.compress_type, packed.file_size = zipfile.ZIP_STORED, member.compress_size
    del packed.CRC
    return packed


def _unpacked(file: IO[bytes], decompressor: Any, member: zipfile.ZipInfo) -> bytes:
    found = bytearray()
    while len(found) <= member.file_size and not decompressor.eof and (part := file.read(_PART)):
        found += decompressor.decompress(part, member.file_size + 1 - len(found))
    if len(found) != member.file_size or zlib.crc32(found) != member.CRC:
        raise zipfile.BadZipFile("size or CRC-32 differs from the directory")
    return bytes(found)


_METHODS: dict[int, Callable[[zipfile.ZipFile, zipfile.ZipInfo], bytes]] = {
    zipfile.ZIP_STORED: _read,
    zipfile.ZIP_DEFLATED: _read,
    zipfile.ZIP_BZIP2: _read_bzip2,
    zipfile.ZIP_LZMA: _read_lzma,
}


def _refuse_bomb(path: Path, members: list[zipfile.ZipInfo]) -> None:
    unpacked, packed = sum(m.file_size for m in members), path.stat().st_size
    if unpacked > MAX_RATIO * packed:
        raise DataError(
            f"{path.name} was refused: it claims to unpack to {unpacked / 1e6:,.0f} MB, "
            f"{unpacked / packed:,.0f} times its size; the limit is {MAX_RATIO}. "
            "Pack the images again as JPEG or PNG."
        )
    for m in members:
        if m.file_size > max(MAX_MEMBER, MAX_RATIO * m.compress_size):
            raise DataError(
                f"{path.name} was refused: {m.filename!r} claims to unpack to {m.file_size / 1e6:,.0f} MB; "
                f"the limit is {MAX_MEMBER / 1e6:.0f} MB, or {MAX_RATIO} times its size. "
                "Pack it as JPEG or PNG."
            )


def _refuse_encrypted(path: Path, members: list[zipfile.ZipInfo]) -> None:
    encrypted = [m.filename for m in members if m.flag_bits & 0x1]
    if encrypted:
        raise DataError(
            f"{path.name} was refused: {encrypted[0]!r} is encrypted. Pack it without a password."
        )


def _refuse_duplicates(path: Path, members: list[zipfile.ZipInfo]) -> None:
    (twice, count), *_ = Counter(m.filename for m in members).most_common(1) or [("", 0)]
    if count > 1:
        raise DataError(f"{path.name} was refused: it contains {twice!r} more than once. Pack it again.")


def _refuse_overlap(path: Path, members: list[zipfile.ZipInfo]) -> None:
    members = sorted(members, key=lambda m: m.header_offset)
    for a, b in pairwise(members):
        if a.header_offset + _LOCAL.size + len(_packed_name(a)) + a.compress_size > b.header_offset:
            raise DataError(
                f"{path.name} was refused: {a.filename!r} and {b.filename!r} overlap, as in a zip bomb. "
                "Pack it again."
            )


def _refuse_lost(path: Path, members: list[zipfile.ZipInfo]) -> None:
    count = _recorded_count(path)
    if count not in (None, len(members)):
        raise _corrupt(path, f"its directory lists {len(members):,} of {count:,} files")


def _recorded_count(path: Path) -> int | None:
    """The number of members according to the record at the end of the zip; None if unknown."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - (1 << 16) - 128))
        tail = file.read()
    end, end64 = tail.rfind(b"PK\x05\x06"), tail.rfind(b"PK\x06\x06")
    count = int.from_bytes(tail[end + 10 : end + 12], "little")
    if count == 0xFFFF:  # this number, or more
        return int.from_bytes(tail[end64 + 32 : end64 + 40], "little") if end64 >= 0 else None
    return count


def _packed_name(m: zipfile.ZipInfo) -> bytes:
    return m.orig_filename.encode("utf-8" if m.flag_bits & 0x800 else "cp437")


def _corrupt(path: Path, reason: str) -> DataError:
    return DataError(f"{path.name} is corrupt or truncated ({reason}). Download or copy it again.")


def _unsupported(path: Path, reason: str) -> DataError:
    return DataError(
        f"the compression of {path.name} is not supported ({reason}). Pack the images again as a standard zip."
    )
