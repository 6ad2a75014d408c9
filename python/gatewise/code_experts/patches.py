"""Codes of image patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.code_experts.encoders import check_encoder, encode_rows
from gatewise.utils.checks import check_integer

if TYPE_CHECKING:
    from gatewise._core import Floats


@dataclass(frozen=True)
class CodeMap:
    """The codes of all patches of images.

    Attributes
    ----------
    codes : csr_array (n H' W', m)
        One row per patch: image after image, the patches of an image in row-major order.
    shape : (n, H', W', m)
        Shape of the map.
    """

    codes: Any
    shape: tuple[int, int, int, int]

    def rows(self) -> Any:
        """The map as CSR `(n, H' W' m)`: one row per image, as expert layers read it."""
        from scipy.sparse import csr_array

        n, height, width, m = self.shape
        positions = height * width
        counts = np.diff(self.codes.indptr)
        position_indices = np.repeat(np.tile(np.arange(positions), n), counts)
        columns = position_indices * m + self.codes.indices
        offsets = self.codes.indptr[::positions]
        return csr_array((self.codes.data, columns, offsets), (n, positions * m))

    def toarray(self) -> Floats:
        """The map as a dense array `(n, H', W', m)`."""
        array: Floats = self.codes.toarray().reshape(self.shape)
        return array


class PatchEncoder:
    """Encodes images patch by patch, as encoder of `SparseCodeExperts` with convolutions.

    Parameters
    ----------
    encoder : object with `encode` or `transform`
        Encoder of patches `(k, height width channels)`.
    image_shape : (H, W) or (H, W, channels)
        Shape of an image; its product is the width of a row.
    patch : int or (int, int)
        Height and width of a patch.
    stride : int or (int, int), optional
        Step from one patch to the next; default the patch size, without overlap.

    Raises
    ------
    ValueError
        A size is out of range, or a patch is larger than an image.
    TypeError
        The encoder has neither method, or a size is not an integer.
    """

    def __init__(
        self,
        encoder: Any,
        image_shape: Sequence[int],
        patch: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
    ) -> None:
        check_encoder(encoder)
        self.encoder = encoder
        shape = tuple(check_integer("image_shape", each, 1) for each in image_shape)
        if len(shape) not in (2, 3):
            raise ValueError(f"image_shape: expected (H, W) or (H, W, channels), got {shape}")
        self.image_shape = shape if len(shape) == 3 else (*shape, 1)
        self.patch = _pair("patch", patch)
        self.stride = self.patch if stride is None else _pair("stride", stride)
        if any(size > whole for size, whole in zip(self.patch, self.image_shape, strict=False)):
            raise ValueError(f"patch: expected at most {self.image_shape[:2]}, got {self.patch}")

    @property
    def map_shape(self) -> tuple[int, int]:
        """`(H', W')`: counts of patches from top to bottom and from left to right."""
        height, width = (
            (whole - size) // step + 1
            for whole, size, step in zip(self.image_shape[:2], self.patch, self.stride, strict=True)
        )
        return height, width

    def patches(self, x: Any) -> Floats:
        """The patches `(n H' W', height width channels)` of images `(n, H W channels)`."""
        images = np.asarray(x, np.float32)
        images = images.reshape(len(images), *self.image_shape)
        windows = np.lib.stride_tricks.sliding_window_view(images, self.patch, axis=(1, 2))
        chosen = windows[:, :: self.stride[0], :: self.stride[1]]
        # `chosen` is (n, H', W', channels, height, width); channels become last, as in the image.
        rows = np.moveaxis(chosen, 3, -1)
        result: Floats = rows.reshape(-1, int(np.prod(rows.shape[3:])))
        return result

    def encode(self, x: Any) -> CodeMap:
        """The code map of images `(n, H W channels)`."""
        codes = encode_rows(self.encoder, self.patches(x))
        return CodeMap(codes, (len(x), *self.map_shape, codes.shape[1]))


def encode_patches(
    encoder: Any,
    images: Any,
    patch: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
) -> CodeMap:
    """The codes of all patches of images `(n, H, W)` or `(n, H, W, channels)`.

    Parameters
    ----------
    encoder : object with `encode` or `transform`
        Encoder of patches `(k, height width channels)`.
    images : array (n, H, W) or (n, H, W, channels)
        Images.
    patch, stride
        As for `PatchEncoder`.

    Returns
    -------
    CodeMap
        `(n, H', W', m)`; `rows()` is its CSR form, `toarray()` the dense array.

    Raises
    ------
    ValueError, TypeError
        As for `PatchEncoder`; or `images` has another count of dimensions.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> sae = gw.SparseAutoencoder(32, activation=gw.TopK(4), input_dim=16)
    >>> gw.encode_patches(sae, np.zeros((3, 8, 8)), patch=4).shape
    (3, 2, 2, 32)
    """
    array = np.asarray(images, np.float32)
    if array.ndim not in (3, 4):
        raise ValueError(f"images: expected (n, H, W) or (n, H, W, channels), got {array.shape}")
    patch_encoder = PatchEncoder(encoder, array.shape[1:], patch, stride)
    return patch_encoder.encode(array.reshape(len(array), -1))


def _pair(name: str, value: int | Sequence[int]) -> tuple[int, int]:
    sizes = [value, value] if isinstance(value, int) else list(value)
    if len(sizes) != 2:
        raise ValueError(f"{name}: expected one number or two, got {value!r}")
    return check_integer(name, sizes[0], 1), check_integer(name, sizes[1], 1)
