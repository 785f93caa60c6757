"""Which archive a URL means, and how it is tidied up. Called by the wiring and by `manage`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from tidemill.archive.base import Archive
from tidemill.archive.pack_shelf import PackShelf
from tidemill.archive.packs import PackArchive
from tidemill.archive.shelf import Shelf
from tidemill.errors import Invalid
from tidemill.settings import ArchiveSettings


def open_archive(settings: ArchiveSettings, url: str, data_dir: Path) -> Archive:
    """The archive behind a URL; nothing is opened or asked yet. Raises `Invalid` (`archive_url`) for an unknown one."""
    parsed = urlsplit(url)
    if parsed.scheme == "file" and not parsed.netloc:
        return PackArchive(Path(unquote(parsed.path)), compression_level=settings.compression_level)
    if parsed.scheme == "s3" and parsed.netloc:
        from tidemill.archive.objects import ObjectArchive  # its client is an extra, and takes a while to import

        return ObjectArchive(settings, url, data_dir / "archive-s3")
    raise Invalid(
        f"archive.url is {url!r}; write file:///path/of/a/folder or s3://bucket/prefix, or leave it empty",
        reason="archive_url",
    )


def shelf_of(archive: Archive) -> Shelf:
    """The packs of an archive. Raises `Invalid` (`archive_url`) for one that has none."""
    if isinstance(archive, PackArchive):
        return PackShelf(archive)
    from tidemill.archive.object_shelf import ObjectShelf
    from tidemill.archive.objects import ObjectArchive

    if isinstance(archive, ObjectArchive):
        return ObjectShelf(archive)
    raise Invalid(f"{type(archive).__name__} has no packs to tidy up", reason="archive_url")
