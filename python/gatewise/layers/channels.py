"""The axis of channels, which may be the first of a sample."""

from __future__ import annotations

from gatewise.layers.moved_axis import MovedAxis
from gatewise.layers.windows import check_words


class ChannelsLayer(MovedAxis):
    """Base class of layers with a `data_format`."""

    data_format: str

    def take_data_format(self, data_format: str | None) -> None:
        """Sets `data_format` from the argument; ValueError if it is unknown."""
        check_words("data_format", data_format, (None, "channels_last", "channels_first"))
        self.data_format = data_format or "channels_last"

    def acting_axis(self, rank: int) -> int:
        return 1 if self.data_format == "channels_first" else rank - 1
