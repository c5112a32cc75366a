"""The sizes of a Whisper: what its number of weights, its memory and its window follow from."""

from __future__ import annotations

from dataclasses import dataclass

POSITIONS_PER_SECOND = 50
"""Encoder positions: 100 mel frames a second, halved by the second convolution's stride."""


@dataclass(frozen=True)
class Shape:
    """positions: of the encoder, 50 a second of audio. encoder_ffn, decoder_ffn: width of the feed-forward layers, None
    for 4 × width, as every published Whisper has it."""

    width: int
    encoder_layers: int
    decoder_layers: int
    mel_bins: int = 80
    vocabulary: int = 51_865
    positions: int = 1500
    target_positions: int = 448
    encoder_ffn: int | None = None
    decoder_ffn: int | None = None

    @property
    def parameters(self) -> int:
        """The number of weights (the output projection is tied to the embedding)."""
        width, bins = self.width, self.mel_bins
        encoder_ffn = self.encoder_ffn or 4 * width
        layer = self._attention + 2 * width * encoder_ffn + encoder_ffn + width + 4 * width
        convolutions = 3 * bins * width + width + 3 * width * width + width
        encoder = convolutions + self.positions * width + self.encoder_layers * layer + 2 * width
        return encoder + self.decoder_parameters

    @property
    def decoder_parameters(self) -> int:
        """Those of the decoder, the embedding included."""
        width = self.width
        decoder_ffn = self.decoder_ffn or 4 * width
        layer = 2 * self._attention + 2 * width * decoder_ffn + decoder_ffn + width + 6 * width
        return (self.vocabulary + self.target_positions) * width + self.decoder_layers * layer + 2 * width

    @property
    def _attention(self) -> int:
        return 4 * self.width * self.width + 3 * self.width  # the keys have no bias
