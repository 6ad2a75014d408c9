"""A file's header: read with every check before a single value is believed."""

import json
from dataclasses import dataclass

import numpy.typing as npt

from gatewise.io.safetensors import DTYPES, LENGTH_BYTES
from gatewise.registry import Config

FORMAT = "gatewise"
FORMAT_VERSION = "2"
READABLE_VERSIONS = ("1", "2")


@dataclass(frozen=True, eq=False, repr=False)
class Field:
    """A tensor's bytes, how to read them, and the checksum that they should have."""

    dtype: npt.DTypeLike
    shape: tuple[int, ...]
    data: bytearray
    crc32: str


@dataclass(frozen=True, eq=False, repr=False)
class Header:
    """A file taken apart, its checksums still to be compared."""

    version: str
    content: str
    config_text: str
    config_crc32: str
    fields: dict[str, Field]


def read_header(data: bytes, source: str) -> Header:
    """The header of a file's bytes.

    Raises
    ------
    ValueError
        The bytes are no whole file of this format and version; names `source` and the field.
    """
    entries, metadata = _parse(data, source)
    if metadata.get("format") != FORMAT:
        raise ValueError(f"{source}: format: expected {FORMAT!r}, got {metadata.get('format')!r}")
    version = metadata.get("format_version")
    if version not in READABLE_VERSIONS:
        raise ValueError(
            f"{source}: format_version: expected {' or '.join(READABLE_VERSIONS)}, "
            f"got {version!r}; a newer gatewise may read it"
        )
    for key in ("content", "config", "config_crc32", "tensors"):
        if key not in metadata:
            raise ValueError(f"{source}: {key}: expected it in the metadata, found none")
    manifest = _parse_manifest(metadata["tensors"], source)
    if set(manifest) != set(entries):
        differing = ", ".join(sorted(set(manifest) ^ set(entries)))
        raise ValueError(f"{source}: tensors: the list does not match the file: {differing}")
    fields = {
        name: _field(f"{source}: tensor {name!r}", entry, manifest[name])
        for name, entry in entries.items()
    }
    return Header(
        version=version,
        content=metadata["content"],
        config_text=metadata["config"],
        config_crc32=metadata["config_crc32"],
        fields=fields,
    )


def _parse(data: bytes, source: str) -> tuple[dict[str, Config], dict[str, str]]:
    """The tensors' entries and the metadata, after safetensors' own checks."""
    from safetensors import SafetensorError, deserialize

    try:
        # Refuses what is truncated, has holes, or whose offsets overlap or leave the file.
        entries = dict(deserialize(data))  # type: ignore[no-untyped-call]
        # The metadata is in no function of safetensors that takes bytes.
        length = int.from_bytes(data[:LENGTH_BYTES], "little")
        header = json.loads(data[LENGTH_BYTES : LENGTH_BYTES + length])
        return entries, header.get("__metadata__", {})
    except (SafetensorError, ValueError) as error:
        raise ValueError(
            f"{source}: header: expected a whole safetensors file, got {len(data)} bytes "
            f"that are none: {error}"
        ) from None


def _parse_manifest(text: str, source: str) -> dict[str, Config]:
    try:
        manifest = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{source}: tensors: expected JSON: {error}") from None
    if not isinstance(manifest, dict):
        raise ValueError(f"{source}: tensors: expected a JSON object")
    return manifest


def _field(where: str, entry: Config, listed: Config) -> Field:
    for key in ("dtype", "shape"):
        if listed.get(key) != entry[key]:
            raise ValueError(f"{where}: {key}: expected {listed.get(key)}, got {entry[key]}")
    if entry["dtype"] not in DTYPES:
        raise ValueError(f"{where}: dtype: expected one of {', '.join(DTYPES)}")
    dtype = DTYPES[entry["dtype"]]
    return Field(dtype, tuple(entry["shape"]), entry["data"], str(listed.get("crc32")))
