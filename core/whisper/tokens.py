"""Whisper's special tokens: what a transcript starts from, what ends it, what is never written."""

from __future__ import annotations

from core.whisper.info import unknown_language
from core.whisper.loading import LoadedModel


def language_tokens(loaded: LoadedModel) -> dict[str, int]:
    """`<|zh|>` and the like with their ids; empty for an English-only model."""
    return getattr(loaded.model.generation_config, "lang_to_id", None) or {}


def language_token(loaded: LoadedModel, language: str) -> int:
    """The id of a language's token. UserError names what the model knows if it is not there."""
    known = language_tokens(loaded)
    token = known.get(f"<|{language}|>")
    if token is None:
        raise unknown_language(loaded.info.id, language, (code.strip("<|>") for code in known))
    return token


def prompt_tokens(loaded: LoadedModel, language: int | None) -> list[int]:
    """What stands between <|startoftranscript|> and the text: language, task, no timestamps, as far as the model has
    them. language: the id of its token, None for an English-only model."""
    settings = loaded.model.generation_config
    silent = getattr(settings, "no_timestamps_token_id", None)
    end = [silent] if silent else []
    if language is None:
        return end
    tasks: dict[str, int] = getattr(settings, "task_to_id", None) or {}
    return [language, *([tasks["transcribe"]] if "transcribe" in tasks else []), *end]


def end_tokens(loaded: LoadedModel) -> list[int]:
    """The ids that end a transcript, usually <|endoftext|> alone."""
    end = loaded.model.generation_config.eos_token_id
    return end if isinstance(end, list) else [end]


def suppressed_tokens(loaded: LoadedModel) -> list[int]:
    """The model's own list and every timestamp: texts are asked for without times."""
    settings = loaded.model.generation_config
    never = set(settings.suppress_tokens or [])
    first = getattr(settings, "no_timestamps_token_id", None)
    if first is not None:
        never.update(range(first + 1, loaded.model.config.vocab_size))
    return sorted(never)
