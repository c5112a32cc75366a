"""The files of a model's folder, read with bounds and types: whatever is in them becomes data or a UserError.

Nothing here loads torch or transformers. A model may come from anybody; a number, a depth or a length that no Whisper
has must not reach the code that computes with it.
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from core.errors import UserError
from core.files import read_bytes, spread_samples
from core.text import as_utf8
from core.whisper.folders import ModelDamaged, fetch_command
from core.whisper.shape import Shape

LARGEST_BYTES = 16_000_000
"""Of a JSON file: tokenizer.json of a published Whisper has 4 MB."""
LARGEST_HEADER_BYTES = 16_000_000
"""Of a safetensors file: that of the largest Whisper has 0.2 MB, and Python takes thirty times as much for it."""

Width = Annotated[int, Field(ge=1, le=1 << 17)]
Count = Annotated[int, Field(ge=1, le=1 << 24)]
Index = Annotated[int, Field(ge=0, lt=1 << 17)]
Token = Annotated[int, Field(ge=0, lt=1 << 24)]
Tokens = dict[str, Token]
FileName = Annotated[str, Field(pattern=r"^[^/\\]+\.safetensors$", max_length=255)]


class ModelFile(BaseModel):
    """A JSON file of a model; keys that are not asked for are passed over."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class ModelType(ModelFile):
    """The one line of config.json that is there in models of every kind."""

    model_type: str | None = None


class ConfigFile(ModelFile):
    """config.json: the shape of the network."""

    d_model: Width
    encoder_layers: Width
    decoder_layers: Width
    decoder_attention_heads: Width = 1
    encoder_ffn_dim: Width
    decoder_ffn_dim: Width
    num_mel_bins: Width
    vocab_size: Count
    max_source_positions: Count = 1500
    max_target_positions: Count = 448

    @property
    def shape(self) -> Shape:
        return Shape(
            self.d_model,
            self.encoder_layers,
            self.decoder_layers,
            self.num_mel_bins,
            self.vocab_size,
            self.max_source_positions,
            self.max_target_positions,
            self.encoder_ffn_dim,
            self.decoder_ffn_dim,
        )


class GenerationFile(ModelFile):
    """generation_config.json: what decoding starts from and never writes."""

    lang_to_id: Tokens | None = None
    task_to_id: Tokens | None = None
    no_timestamps_token_id: Token | None = None
    decoder_start_token_id: Token | None = None
    eos_token_id: Token | list[Token] | None = None
    pad_token_id: Token | None = None
    suppress_tokens: list[int] | None = None
    begin_suppress_tokens: list[int] | None = None
    alignment_heads: list[tuple[Index, Index]] | None = None
    """(layer, head) of the decoder, those whose attention follows the sound."""

    @property
    def highest_token(self) -> int:
        """The largest id that decoding would look up in the model's vocabulary; -1 if it names none."""
        ends = self.eos_token_id if isinstance(self.eos_token_id, list) else [self.eos_token_id]
        single = [self.no_timestamps_token_id, self.decoder_start_token_id, self.pad_token_id, *ends]
        tables = [*(self.lang_to_id or {}).values(), *(self.task_to_id or {}).values()]
        return max([token for token in [*single, *tables] if token is not None], default=-1)


class ExtractorFile(ModelFile):
    """preprocessor_config.json: how audio becomes log-mel. chunk_length: the window in seconds."""

    sampling_rate: Count = 16_000
    hop_length: Count = 160
    feature_size: Width = 80
    n_fft: Annotated[int, Field(ge=1, le=1 << 16)] = 400
    chunk_length: Annotated[float, Field(gt=0, le=3600)] = 30


class ProcessorFile(ModelFile):
    """processor_config.json, in which newer checkpoints keep what preprocessor_config.json held."""

    feature_extractor: ExtractorFile | None = None


class TokenTable(RootModel[Tokens]):
    """added_tokens.json and vocab.json: token to id."""

    model_config = ConfigDict(strict=True)


class _AddedToken(ModelFile):
    content: str
    id: Token


class _Vocabulary(ModelFile):
    vocab: Tokens = {}


class TokenizerFile(ModelFile):
    """tokenizer.json: the vocabulary and the special tokens beside it."""

    added_tokens: list[_AddedToken] = []
    model: _Vocabulary = _Vocabulary()


class WeightsIndex(ModelFile):
    """model.safetensors.index.json: which file each tensor lies in."""

    weight_map: Annotated[dict[str, FileName], Field(min_length=1)]


class _Tensor(ModelFile):
    """An entry of a safetensors header; `__metadata__` is one without offsets."""

    data_offsets: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]] | None = None


class _SafetensorsHeader(RootModel[dict[str, _Tensor]]):
    pass


File = TypeVar("File", bound=BaseModel)


def read(kind: type[File], path: Path, model: str) -> File | None:
    """One file of a model, None if it is not there. model: what the person calls it.

    UserError for a file that cannot be read, is too large, is no JSON, is nested too deep, or holds what this kind of
    file cannot hold.
    """
    broken, fix = f"{as_utf8(model)} is broken", fetch_command(model)
    if not path.exists():
        return None
    try:
        return kind.model_validate_json(read_bytes(path, LARGEST_BYTES))
    except UserError as error:
        raise ModelDamaged(broken, f"{as_utf8(error.what)}: {error.why}", fix) from error
    except ValidationError as error:
        raise ModelDamaged(broken, f"{path.name}: {_first_fault(error)}", fix) from error


def extractor(folder: Path, model: str) -> ExtractorFile | None:
    """The settings of the feature extractor, from whichever file holds them."""
    alone = read(ExtractorFile, folder / "preprocessor_config.json", model)
    if alone is not None:
        return alone
    processor = read(ProcessorFile, folder / "processor_config.json", model)
    return processor.feature_extractor if processor else None


def model_type(folder: Path) -> str | None:
    """What config.json calls the model ("whisper"); None if there is no such file or it cannot be read."""
    try:
        found = read(ModelType, folder / "config.json", folder.name)
    except UserError:
        return None
    return found.model_type if found else None


def weight_files(folder: Path, model: str) -> list[Path]:
    """The safetensors files that the model must have, be they there or not."""
    index = read(WeightsIndex, folder / "model.safetensors.index.json", model)
    names = sorted(set(index.weight_map.values())) if index else ["model.safetensors"]
    return [folder / name for name in names]


def whole_weights(folder: Path) -> bool:
    """Whether every file of weights is there and has the length that its header promises."""
    try:
        return all(path.is_file() and whole_safetensors(path) for path in weight_files(folder, folder.name))
    except UserError:
        return False


def weights_digest(folder: Path, model: str) -> str:
    """What tells weights from others: 20 hex digits of the SHA-256 of their lengths and of 1 MB spread over each file.

    It stays the same where a model is copied, which times do not, and tuning changes nearly every byte. UserError where
    a file of weights is not there.
    """
    digest = hashlib.sha256()
    for path in weight_files(folder, model):
        try:
            digest.update(f"{path.name} {path.stat().st_size} ".encode())
            for sample in spread_samples(path):
                digest.update(sample)
        except OSError as error:
            raise ModelDamaged(f"{as_utf8(model)} cannot be read", str(error), fetch_command(model)) from error
    return digest.hexdigest()[:20]


def whole_safetensors(path: Path) -> bool:
    """A safetensors file is 8 bytes of header length, the header (JSON), then tensors up to the last end offset. False
    for one that cannot be read, too."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
            if length >= min(size, LARGEST_HEADER_BYTES):
                return False
            header = _SafetensorsHeader.model_validate_json(file.read(length))
    except (OSError, ValidationError):
        return False
    ends = [tensor.data_offsets[1] for tensor in header.root.values() if tensor.data_offsets]
    return size == 8 + length + max(ends, default=0)


def _first_fault(error: ValidationError) -> str:
    # The value itself is left out: an integer of 5 000 digits cannot even be printed.
    first: Any = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])[:100]
    return as_utf8(f"{place}: {first['msg']}" if place else first["msg"])[:300]
