"""A Whisper small enough to learn in a minute on a laptop: the demo's base model, and the one the tests train.

It is a true `WhisperForConditionalGeneration` with random weights, which write readable nonsense, and a byte-level
tokenizer that holds all of Whisper's special tokens, so every line of the pipeline that runs on it is a line that runs
on the real ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AddedToken,
    GenerationConfig,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperTokenizer,
)
from transformers.models.whisper.tokenization_whisper import LANGUAGES

from core.atomic_folder import move_into_place
from core.temporaries import temporary_folder

DEMO_NOTES = "宮商角徵羽"
DEFAULT_ALPHABET = DEMO_NOTES + "零一二三四五六七八九十百千萬"
HAN_PUNCTUATION = "，。！？、；：「」『』（）《》〈〉…—・～"
TIMESTAMP_STEPS = 1501  # 0.00 to 30.00 s in steps of 20 ms, as in every published Whisper
PROMPT = 4  # start, language, task, no timestamps
CHARACTERS_PER_SECOND = 0.8  # of the demo's language, whose seconds are notes or rests
LEANING = 8.0  # outweighs what the layers add at every seed and width tried; 5 does not
NOTHING = ""  # the published multilingual vocabularies hold the empty token; CTranslate2 tells them apart by it


def build_toy(
    folder: Path, *, window_s: float = 10.0, alphabet: str = DEFAULT_ALPHABET, seed: int = 0, d_model: int = 64
) -> None:
    """Write a complete Hugging Face folder with a random tiny Whisper to `folder`.

    window_s: length of audio the model sees at once, in whole seconds. alphabet: characters that become one token
    each; anything else falls back to UTF-8 bytes, so any text can be written. The folder appears whole or not at
    all; an existing one is replaced.
    """
    if window_s != int(window_s) or window_s < 1:
        raise ValueError(f"window_s must be a whole number of seconds, not {window_s}")
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(folder) as beside:
        tokenizer = _save_tokenizer(beside, alphabet)
        model = _random_model(tokenizer, window_s, seed, d_model)
        characters = tokenizer(alphabet, add_special_tokens=False).input_ids
        _lean_to_characters(model, characters, window_s, seed)
        model.save_pretrained(beside)
        WhisperFeatureExtractor(feature_size=80, chunk_length=int(window_s)).save_pretrained(beside)
        move_into_place(beside, folder)


def byte_alphabet() -> list[str]:
    """The printable character that stands for each byte 0..255 in a byte-level BPE (GPT-2's published mapping)."""
    printable = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    spare = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(spare)) for byte in range(256)]


def special_tokens() -> list[str]:
    """Whisper's special tokens in the order of their ids, without the timestamps."""
    languages = [f"<|{code}|>" for code in LANGUAGES]
    tasks = ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>"]
    return ["<|endoftext|>", "<|startoftranscript|>", *languages, *tasks, "<|notimestamps|>"]


def _vocabulary(characters: Iterable[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """(vocabulary, merges) that turn each of the characters into one token; everything else stays bytes."""
    letters = byte_alphabet()
    vocab = {letter: index for index, letter in enumerate(letters)}
    merges: dict[tuple[str, str], None] = {}
    for character in dict.fromkeys(characters):
        pieces = [letters[byte] for byte in character.encode()]
        whole = pieces[0]
        for piece in pieces[1:]:
            merges[whole, piece] = None
            whole += piece
            vocab.setdefault(whole, len(vocab))
    vocab[NOTHING] = len(vocab)
    return vocab, list(merges)


def _save_tokenizer(folder: Path, alphabet: str) -> Any:
    vocab, merges = _vocabulary(alphabet + HAN_PUNCTUATION)
    vocab["<|endoftext|>"] = len(vocab)
    tokenizer = WhisperTokenizer(vocab=vocab, merges=merges, model_max_length=1024, pad_token="<|endoftext|>")
    specials = special_tokens()
    tokenizer.add_special_tokens(
        {"extra_special_tokens": [AddedToken(t, normalized=False, special=True) for t in specials[1:]]}
    )
    times = [f"<|{step * 0.02:.2f}|>" for step in range(TIMESTAMP_STEPS)]
    tokenizer.add_tokens([AddedToken(time, normalized=False, special=False) for time in times])
    tokenizer.save_pretrained(folder)
    # The converters to CTranslate2 and ggml read the older three files; transformers 5 no longer writes them.
    added = {name: index for name, index in tokenizer.get_added_vocab().items() if name not in vocab}
    _write(folder / "vocab.json", json.dumps(vocab, ensure_ascii=False))
    _write(folder / "merges.txt", "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    _write(folder / "added_tokens.json", json.dumps(added, ensure_ascii=False))
    _write(folder / "normalizer.json", "{}")
    return tokenizer


def _random_model(tokenizer: Any, window_s: float, seed: int, d_model: int) -> Any:
    def token(name: str) -> int:
        return tokenizer.convert_tokens_to_ids(name)

    end, start = token("<|endoftext|>"), token("<|startoftranscript|>")
    config = WhisperConfig(
        vocab_size=len(tokenizer),
        d_model=d_model,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=4 * d_model,
        decoder_ffn_dim=4 * d_model,
        num_mel_bins=80,
        max_source_positions=int(window_s * 50),  # the encoder halves the 100 mel frames of a second
        max_target_positions=448,
        init_std=0.05,  # at this width the published 0.02 takes twice as many steps to learn anything
        decoder_start_token_id=start,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = WhisperForConditionalGeneration(config)
    start_of_lm, no_speech = token("<|startoflm|>"), token("<|nospeech|>")
    model.generation_config = GenerationConfig(
        decoder_start_token_id=start,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        max_length=448,
        suppress_tokens=[
            start,
            token("<|translate|>"),
            token("<|transcribe|>"),
            start_of_lm,
            token("<|startofprev|>"),
            no_speech,
        ],
        begin_suppress_tokens=[token("Ġ"), end],
        is_multilingual=True,
        lang_to_id={f"<|{code}|>": token(f"<|{code}|>") for code in LANGUAGES},
        task_to_id={"transcribe": token("<|transcribe|>"), "translate": token("<|translate|>")},
        no_timestamps_token_id=token("<|notimestamps|>"),
        prev_sot_token_id=token("<|startofprev|>"),
        max_initial_timestamp_index=50,
        return_timestamps=False,
    )
    return model


def _lean_to_characters(model: Any, characters: list[int], window_s: float, seed: int) -> None:
    """Let the untrained model write readable nonsense where random weights would write broken bytes without end.

    The embedding of each decoder position, from the last token of the prompt on, leans towards that of some character
    (the output projection is tied to it), and after nearly one a second towards that of the end token. These are
    starting values like any others: training moves them, and any text of any length can be learnt.
    """
    dice = torch.Generator().manual_seed(seed)
    picked = torch.randint(len(characters), (max(1, round(CHARACTERS_PER_SECOND * window_s)),), generator=dice)
    end = model.config.eos_token_id
    written = torch.tensor([*(characters[index] for index in picked), *[end] * 3])
    with torch.no_grad():
        tokens, positions = (
            part.weight for part in (model.model.decoder.embed_tokens, model.model.decoder.embed_positions)
        )
        # Being the padding too, the end token has a row of zeros, towards which nothing can lean.
        tokens[end] = model.config.init_std * torch.randn(tokens.shape[1], generator=dice)
        positions[PROMPT - 1 : PROMPT - 1 + len(written)] += LEANING * tokens[written]


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
