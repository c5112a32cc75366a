"""whispersmith.toml: one typed model per stage, read with clear errors and written back with its comments."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tomlkit.exceptions import TOMLKitError

from core.errors import UserError, of_os_error
from core.files import line_of, parse_toml, read_bytes, write_private
from core.redaction import remember, secrets_in
from core.text import clean

DEFAULT_MODEL = "ADT109119/whisper-small-zh-TW"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


TableT = TypeVar("TableT", bound=_Table)


class ProjectConfig(_Table):
    """What the workspace is about. language: Whisper's code of the spoken language, or "auto"."""

    language: str = "zh"


class ModelConfig(_Table):
    """Hugging Face ids or local folders (relative to the workspace).

    gpu: "auto" (the one with the most free memory), a UUID, or a number as NVML counts. wait_for_gb: a job that needs
    the GPU starts only when so many GB of it are free.
    """

    base: str = DEFAULT_MODEL
    labeller: str = DEFAULT_MODEL
    gpu: str = "auto"
    wait_for_gb: float = Field(default=0.0, ge=0)


class FetchConfig(_Table):
    """Downloads. Pauses in seconds between two videos, drawn at random between the two values.

    any_licence: a person has said that whatever is not Creative Commons may be used, too. lookups_per_hour: licences
    asked for once the first hundred are through, 0 for no limit. tries: how often what fails for a passing reason is
    tried in all; retry_wait_s: the wait before the second time, each later one is longer. block_wait_min: minutes
    before a queue that the site has blocked goes on by itself, 0 for never; doubled each time.
    """

    any_licence: bool = False
    pause_min_s: float = Field(default=5.0, ge=0)
    pause_max_s: float = Field(default=15.0, ge=0)
    request_pause_s: float = Field(default=0.75, ge=0)
    lookups_per_hour: int = Field(default=300, ge=0)
    tries: int = Field(default=3, ge=1)
    retry_wait_s: float = Field(default=60.0, ge=0)
    block_wait_min: float = Field(default=60.0, ge=0)


class CaptionsConfig(_Table):
    """Captions that a site offers. languages: the first that is there counts, [] for those of project.language.

    automatic: also what the site's own recognition wrote, where no person has written any. Never translations.
    """

    fetch: bool = True
    languages: list[str] = Field(default_factory=list)
    automatic: bool = False


LEAST_ROOM_S = 2.0
"""Between the shortest and the longest segment, for a pause to lie there."""


class Conflict(NamedTuple):
    """Two settings that cannot go together. key: the one to change; what, why, fix: as in a UserError."""

    key: str
    what: str
    why: str
    fix: str


class SegmentConfig(_Table):
    """How recordings are cut. Lengths in seconds; Whisper hears 30 at once.

    mode: "windows" of one length that overlap, or "pauses": pieces of `shortest_s` to `longest_s` that end where nobody
    speaks.
    """

    mode: Literal["windows", "pauses"] = "windows"
    length_s: float = Field(default=10.0, gt=0.5, le=30)
    overlap_s: float = Field(default=2.0, ge=0)
    shortest_s: float = Field(default=4.0, ge=1)
    longest_s: float = Field(default=12.0, le=30)

    def conflict(self) -> Conflict | None:
        """What of these cannot go together, whatever the mode."""
        if self.overlap_s >= self.length_s:
            return Conflict(
                "overlap_s",
                "segment.overlap_s is not shorter than segment.length_s",
                f"{self.overlap_s:g} s of overlap in segments of {self.length_s:g} s never advances",
                "choose a shorter overlap, for example 2.0",
            )
        if self.longest_s < self.shortest_s + LEAST_ROOM_S:
            return Conflict(
                "longest_s",
                f"segment.longest_s is not {LEAST_ROOM_S:g} s more than segment.shortest_s",
                f"hardly a pause lies between {self.shortest_s:g} and {self.longest_s:g} s",
                "choose a longer one, for example 12.0",
            )
        return None


class ListenConfig(_Table):
    """player: where segments are heard; "auto" is the loudspeaker here, over SSH a browser tab, else a file.

    play_on_arrival: the review plays each row it goes on to.
    """

    player: Literal["auto", "here", "browser", "file"] = "auto"
    play_on_arrival: bool = False


class LabelConfig(_Table):
    """captions: what people wrote as captions is taken before the labeller is asked.

    by: whether the labeller hears whole recordings, in windows of up to half a minute, or each segment by itself.
    engine: the library that decodes, "auto" for what is better and faster here. beam: hypotheses that the search over a
    recording keeps, 1 for greedy. batch: how much is decoded at once, 0 for as much as the GPU's memory holds.
    processes: that hear recordings at once, each on a GPU of its own if there are any.
    0 is one for each GPU.
    """

    captions: bool = True
    by: Literal["recordings", "clips"] = "recordings"
    engine: Literal["auto", "transformers", "ctranslate2"] = "auto"
    beam: int = Field(default=5, ge=1, le=20)
    batch: int = Field(default=0, ge=0)
    processes: int = Field(default=0, ge=0, le=64)


class LabellerConfig(_Table):
    """second: another model that hears the same, "" for none; where it reads otherwise is reviewed first."""

    second: str = ""


class TranscriptsConfig(_Table):
    """script: which Chinese script texts of machines are written in, as `core.review.script_conversion` converts them;
    what the machine wrote is kept beside it, and human text is never converted by itself."""

    script: Literal["as-written", "traditional-tw", "traditional-hk", "simplified"] = "as-written"


class SplitConfig(_Table):
    """test: share of the usable segments. guard_s: seconds left out on each side of a cut in time."""

    by: Literal["auto", "video", "time"] = "auto"
    test: float = Field(default=0.1, gt=0, lt=1)
    guard_s: float = Field(default=10.0, ge=0)
    seed: int = 0


Method = Literal["full", "full-8bit", "light", "light-dora", "light-8bit", "quick"]
"""Ways of tuning: the names of `core.training.methods.METHODS`."""

Tracker = Literal["tensorboard", "wandb", "mlflow", "comet_ml", "clearml", "trackio", "swanlab", "dvclive"]
"""Where curves may go, as transformers and the packages themselves are named."""


Windows = Literal[
    "single",
    "stretch",
    "packed",
    "single+stretch",
    "single+packed",
    "stretch+packed",
    "single+stretch+packed",
]
"""What is heard at once, see `core.training.windows`; several kinds have an equal share of the speech each."""

Augment = Literal["masks", "speed", "gain", "noise"]

Include = Literal["reviewed", "confident", "all"]
"""Whose texts are learnt from: those that a person has accepted; also those of machines in which few errors are
expected (`core.review.suspicion.is_confident`); all that nobody has rejected."""


class TrainConfig(_Table):
    """method: what is trained, see `core.training.methods`. steps 0: as many as `epochs` need. epochs 0: as many as
    suit the windows. learning_rate 0: what suits method and size. warmup: share of the steps. eval_every 0: half an
    epoch. timestamps: share of the windows that are taught with their times. augment: how the sound is changed.
    include: which rows are learnt from; unreviewed_weight: what a token counts that no person has accepted, of 1.
    silence: windows in which nobody speaks, as accepted so, at most such a share of those with text.
    patience: measurements without a lower CER after which it stops, 0 for never. between: weights between the base's
    and the tuned ones are tried after the last step. general: a folder with other sound and its texts (an audiofolder);
    what is kept may be half a point worse there than the base, no more.

    batch, accumulation: their product is what a step learns from, however many processes share it. processes: that
    train together (`accelerate launch`), each on a GPU of its own if there are any. report_to: who is told losses and
    error rates beside the event log; "tensorboard" writes files next to it.
    """

    method: Method = "full"
    windows: Windows = "stretch"
    timestamps: float = Field(default=0.5, ge=0, le=1)
    augment: list[Augment] = Field(default_factory=list)
    include: Include = "reviewed"
    unreviewed_weight: float = Field(default=0.3, gt=0, le=1)
    silence: float = Field(default=0.05, ge=0, le=1)
    epochs: float = Field(default=0.0, ge=0)
    steps: int = Field(default=0, ge=0)
    batch: int = Field(default=8, ge=1)
    accumulation: int = Field(default=2, ge=1)
    learning_rate: float = Field(default=0.0, ge=0, lt=1)
    warmup: float = Field(default=0.1, ge=0, lt=1)
    schedule: Literal["linear", "cosine", "constant_with_warmup"] = "linear"
    weight_decay: float = Field(default=0.0, ge=0)
    eval_every: int = Field(default=0, ge=0)
    eval_segments: int = Field(default=100, ge=1)
    patience: int = Field(default=3, ge=0)
    between: bool = True
    general: str = ""
    seed: int = 0
    processes: int = Field(default=1, ge=1, le=1024)
    report_to: list[Tracker] = Field(default_factory=lambda: ["tensorboard"])


class EvaluateConfig(_Table):
    batch: int = Field(default=8, ge=1)


class Config(_Table):
    """The whole file. [ytdlp] is free: it is merged into yt-dlp's own options (proxies, cookies, clients)."""

    project: ProjectConfig = Field(default_factory=ProjectConfig)
    model: ModelConfig = Field(default_factory=ModelConfig)
    fetch: FetchConfig = Field(default_factory=FetchConfig)
    captions: CaptionsConfig = Field(default_factory=CaptionsConfig)
    ytdlp: dict[str, Any] = Field(default_factory=dict)
    segment: SegmentConfig = Field(default_factory=SegmentConfig)
    listen: ListenConfig = Field(default_factory=ListenConfig)
    label: LabelConfig = Field(default_factory=LabelConfig)
    labeller: LabellerConfig = Field(default_factory=LabellerConfig)
    transcripts: TranscriptsConfig = Field(default_factory=TranscriptsConfig)
    split: SplitConfig = Field(default_factory=SplitConfig)
    train: TrainConfig = Field(default_factory=TrainConfig)
    evaluate: EvaluateConfig = Field(default_factory=EvaluateConfig)


MOST_BYTES = 1_000_000
"""A settings file is some kilobytes."""


def load(path: Path) -> Config:
    """Read the file. UserError names file, line and key, and the nearest valid key, where something is wrong."""
    text = _read(path)
    return _validate(parse_toml(text, path.name), path, text)


def _read(path: Path) -> str:
    data = read_bytes(path, MOST_BYTES)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path.name} is not UTF-8",
            str(error),
            "save it as UTF-8, or delete it and run `whispersmith init`",
        ) from error


def _validate(data: dict[str, Any], path: Path, text: str) -> Config:
    remember(secrets_in(data))
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        raise _explain(error, path, text) from error
    if conflict := config.segment.conflict():
        line = line_of(text, ("segment", conflict.key))
        raise UserError(f"{path.name}, line {line}: {conflict.what}", conflict.why, conflict.fix)
    return config


def _explain(error: ValidationError, path: Path, text: str) -> UserError:
    first = error.errors()[0]
    keys = tuple(str(part) for part in first["loc"])
    where = f"{path.name}, line {line_of(text, keys)}: {'.'.join(keys)}"
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(keys[-1], valid_keys(keys[:-1]), n=1, cutoff=0.4)
        known = ", ".join(valid_keys(keys[:-1]))
        fix = f"did you mean `{near[0]}`?" if near else f"valid here: {known}"
        return UserError(f"{where} is not a setting", f"valid here: {known}", fix)
    given = clean(repr(first["input"]), 100)
    return UserError(f"{where} is not valid", f"{must_be(error)}, but it is {given}", f"change it in {path}")


_MUST_BE = {
    "int_parsing": "it must be a whole number",
    "int_from_float": "it must be a whole number",
    "float_parsing": "it must be a number",
    "bool_parsing": "it must be true or false",
    "greater_than": "it must be more than {gt:g}",
    "greater_than_equal": "it must be at least {ge:g}",
    "less_than": "it must be less than {lt:g}",
    "less_than_equal": "it must be at most {le:g}",
    "literal_error": "it must be {expected}",
}


def must_be(error: ValidationError) -> str:
    """What the first setting that is not valid must be, in words."""
    first = error.errors()[0]
    told = _MUST_BE.get(first["type"])
    return first["msg"] if told is None else told.format(**first.get("ctx", {}))


def with_changes(table: TableT, changes: dict[str, Any], name: str, example: str) -> TableT:
    """A table of settings with some of them replaced by what a command was given.

    name: of the table; example: options that are valid, both for the UserError about those that are not.
    """
    try:
        return table.model_validate(table.model_dump() | changes)
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(
            f"{'.'.join(map(str, (name, *first['loc'])))} is not valid",
            f"{must_be(error)}, but it is {first['input']!r}",
            f"for example {example}",
        ) from error


def valid_keys(table: tuple[str, ...]) -> list[str]:
    """The keys that may stand in a table; the tables themselves for ()."""
    model: type[BaseModel] = Config
    for name in table:
        field = model.model_fields.get(name)
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return []
        model = field.annotation
    return list(model.model_fields)


def set_value(path: Path, table: str, key: str, value: Any) -> None:
    """Change one setting in the file; every comment stays. UserError, and no change, if the value is not valid."""
    set_values(path, table, {key: value})


def set_values(path: Path, table: str, values: Mapping[str, Any]) -> None:
    """As `set_value`, for several of one table at once: they need to be valid together only."""
    text = _read(path)
    data = parse_toml(text, path.name)
    if not isinstance(data.get(table, {}), dict):
        _validate(data, path, text)  # says what stands in the table's place
    try:
        document: Any = tomlkit.parse(text)
        document.setdefault(table, tomlkit.table()).update(values)
        text = tomlkit.dumps(document)
    except (TOMLKitError, ValueError) as error:
        why = f"the form it is written in: {error}"
        keys = ", ".join(f"{table}.{key}" for key in values)
        raise UserError(f"{path.name} cannot be changed from here", why, f"set {keys} in {path}") from error
    _validate(parse_toml(text, path.name), path, text)
    try:
        write_private(path, text)
    except OSError as error:
        raise of_os_error(error, f"{path.name} could not be changed; it is as it was", "set it again") from error
