"""What is done to many rows at once, as effects: each is shown before it is done, and is one undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from core.errors import UserError
from core.exchange.glossary import read_glossary
from core.query.pattern import compile_pattern
from core.review.fix_everywhere import Mistake, mistakes
from core.review.punctuation import half_width, without_punctuation
from core.review.script_conversion import CONVERSIONS, converter
from core.store import Store, TranscriptRow
from core.store.edits import PERSON
from core.store.records import ChangedTexts, TextChange
from core.text import LONGEST_TEXT, clean, plural
from core.workspace import Workspace
from tui.effects import Effect, InThread, OpenDialog, Toast
from tui.many_rows import in_turns
from tui.screens.transcripts.bulk.changes_dialog import ChangesDialog
from tui.screens.transcripts.bulk.proposals import Proposal, fixed, flagged, rewritten
from tui.widgets.dialog import Choice, TextPrompt

Rows = Sequence[TranscriptRow]
GROUP = "bulk"
USUAL_SUSPICION = 0.2
NAMED = 12
"""Characters of a text that name a change; the end of a loop is hundreds."""


@dataclass(frozen=True)
class Target:
    """Which rows, and what to do with them. shown, all: those that the filter shows, and every row; of_all: which of
    the two is meant. accept: the rows of these ids; change: texts, with what is done in words."""

    workspace: Workspace
    shown: Rows
    all: Rows
    accept: Callable[[Sequence[str]], object]
    change: Callable[[Sequence[TextChange], str], object]
    of_all: bool = False

    @property
    def rows(self) -> Rows:
        return self.all if self.of_all else self.shown

    @property
    def name(self) -> str:
        return f"all {plural(len(self.all), 'row')}" if self.of_all else f"the {plural(len(self.shown), 'row')} shown"


def menu(target: Target) -> list[Effect]:
    """Ask what is to be done."""
    if not target.all:
        return [Toast("There are no rows yet")]
    choices = [
        ("a", "accept what is hardly suspicious"),
        ("r", "replace by a pattern"),
        ("s", "convert the Chinese script"),
        ("p", "leave out punctuation"),
        ("w", "full-width letters and digits as ASCII"),
    ]
    if len(target.shown) != len(target.all):
        choices.append(("o", f"of {replace(target, of_all=not target.of_all).name} instead"))
    text = f"Of {target.name}. Every change is shown before it is made, and one undo takes all of them back."
    return [OpenDialog(Choice("Change many rows", text, choices), lambda answer: _chosen(target, answer))]


def _chosen(target: Target, answer: str) -> list[Effect]:
    match answer:
        case "a":
            return [OpenDialog(_suspicion_prompt(target), lambda limit: accept_below(target, float(limit)))]
        case "r":
            return [OpenDialog(_pattern_prompt(target), lambda pattern: _ask_replacement(target, pattern))]
        case "s":
            return _ask_script(target)
        case "p":
            return _rewrite(target, "leave out punctuation", without_punctuation)
        case "w":
            return _rewrite(target, "full-width as ASCII", half_width)
        case _:
            return menu(replace(target, of_all=not target.of_all))


# -- accepting


def accept_shown(target: Target) -> list[Effect]:
    """Ask whether every pending row that is shown is right."""
    return _accept(target, [row for row in target.shown if _can_be_accepted(row)], "No pending row with text is shown")


def accept_below(target: Target, limit: float) -> list[Effect]:
    """The same of those whose suspicion is less; one that nobody has measured is not."""
    rows = [row for row in target.rows if _can_be_accepted(row) and row.suspicion is not None and row.suspicion < limit]
    return _accept(target, rows, f"No pending row has a suspicion below {limit:g}")


def _can_be_accepted(row: TranscriptRow) -> bool:
    return row.review == "pending" and bool(row.text.strip())


def _accept(target: Target, rows: Rows, none: str) -> list[Effect]:
    """Rows that are flagged are left out, unless the person wants them."""
    if not rows:
        return [Toast(none)]
    suspects = [row for row in rows if row.flags]
    plain = [row for row in rows if not row.flags]
    text = "Nobody may have read them; undo takes all of them back."
    choices = [("n", "leave them pending")]
    if suspects:
        text = f"{plural(len(suspects), 'row')} of {len(rows)} flagged:\n{flagged(suspects)}\n\n{text}"
        choices.insert(0, ("f", f"accept all {plural(len(rows), 'row')}, flagged or not"))
    if plain:
        choices.insert(0, ("y", f"accept {plural(len(plain), 'row')} {'without a flag' if suspects else 'unread'}"))

    def answered(answer: str) -> list[Effect]:
        if answer in ("y", "f"):
            target.accept([row.id for row in (rows if answer == "f" else plain)])
        return []

    return [OpenDialog(Choice(f"Accept {plural(len(rows), 'row')}?", text, choices), answered)]


def _suspicion_prompt(target: Target) -> TextPrompt:
    def check(text: str) -> str | None:
        try:
            return None if 0 < float(text) <= 1 else "a number from 0 to 1"
        except ValueError:
            return "a number from 0 to 1, such as 0.2"

    text = f"Of {target.name}, pending ones with text whose suspicion is below this are meant; 1 is certainly wrong."
    return TextPrompt("Accept below which suspicion?", str(USUAL_SUSPICION), check, text=text)


# -- changing texts


def fix_everywhere(target: Target, corrected: TextChange) -> list[Effect]:
    """Show where else what was corrected in one row was written, to have it corrected too."""
    made = mistakes(corrected.before, corrected.after)
    if not made:
        return [
            Toast("Nothing was corrected there that could be found elsewhere: too little tells it from other words")
        ]
    named = ", ".join(map(_named, made[:4]))
    named = clean(named + (f" and {len(made) - 4} more" if len(made) > 4 else ""), 200)

    def show(found: list[Proposal]) -> list[Effect]:
        if not found:
            return [Toast(f"{named}: it is nowhere else")]
        text = "Ticked are those that are more alike than they need to be, and that nobody has judged."
        return preview(target.change, f"Fix everywhere: {named}", f"fix everywhere: {named}", found, text)

    return [InThread(lambda: fixed(target.all, made, corrected.segment), show, GROUP)]


def count_alike(rows: Rows, corrected: TextChange) -> int:
    """In how many rows the mistake was made again, in which it is likely to be one."""
    made = mistakes(corrected.before, corrected.after)
    # After every correction, while somebody goes on typing.
    return sum(one.is_ticked for some in in_turns(rows) for one in fixed(some, made, corrected.segment))


def _named(mistake: Mistake) -> str:
    """`金 -> 筋`; with what stands beside it where something was missing, or too much."""
    wrong, right = mistake.wrong, mistake.right
    if not wrong.strip() or not right.strip():
        before, after = mistake.before[0], mistake.after[0]
        wrong, right = f"{before}{wrong}{after}", f"{before}{right}{after}"
    return f"{clean(wrong, NAMED)} -> {clean(right, NAMED)}"


def corrected_in(store: Store, id: str) -> TextChange | None:
    """What a person has made of a row's text: the last that somebody else wrote, and what is there now."""
    texts = [
        (edit["who"], edit["after"]["text"])
        for edit in store.transcripts.history(id)
        if "text" in (edit["after"] or {})
    ]
    others = [text for who, text in texts if who != PERSON]
    row = store.segments.get(id)
    return TextChange(id, others[-1], row.text) if others and row is not None and row.text != others[-1] else None


def fix_row(target: Target, corrected: TextChange | None) -> list[Effect]:
    if corrected is None:
        return [Toast("Correct a text first; then what was wrong in it is found in the others")]
    return fix_everywhere(target, corrected)


def changed(result: ChangedTexts) -> str:
    """What was done, for the line beside the text."""
    text = f"{plural(result.count, 'row')} changed"
    return f"{text}; {result.left} left, as they read otherwise by now" if result.left else text


def _pattern_prompt(target: Target) -> TextPrompt:
    def check(text: str) -> str | None:
        try:
            compile_pattern(text, ignore_case=False)
        except ValueError as error:
            return str(error)
        return None if text else "write what to look for"

    text = f"In {target.name}. A regular expression; groups in ( ) can be put back as \\1 or \\g<name>."
    return TextPrompt("Replace what?", check=check, text=text, placeholder="(\\d+) ?元")


def _ask_replacement(target: Target, pattern: str) -> list[Effect]:
    compiled = compile_pattern(pattern, ignore_case=False)

    def rewrite(replacement: str) -> Callable[[str], str]:
        def substitute(text: str) -> str:
            try:
                after = compiled.substitute(replacement, text)
            except ValueError as error:
                raise UserError(
                    "that replaces nothing", str(error), "\\1 is the first group, \\\\ a backslash"
                ) from error
            # Only what was replaced is changed: what has the pattern nowhere stays, blanks, length and all.
            return text if after == text else clean(after, max(LONGEST_TEXT, len(after)))

        return substitute

    def answered(replacement: str) -> list[Effect]:
        return _rewrite(
            target, f"replace /{clean(pattern, 60)}/ by {clean(replacement, 60) or 'nothing'}", rewrite(replacement)
        )

    prompt = TextPrompt(f"Replace /{clean(pattern, 60)}/ by what?", text="Empty leaves it out.", placeholder="NT$\\1")
    return [OpenDialog(prompt, answered)]


def _ask_script(target: Target) -> list[Effect]:
    names = {"traditional-tw": "Traditional, with Taiwan's words", "traditional-hk": "Traditional, as in Hong Kong"}
    keys = dict(zip("ths", CONVERSIONS, strict=True))

    def ask(usual: str) -> list[Effect]:
        order = sorted(keys.items(), key=lambda pair: pair[1] != usual)
        choices = [(key, names.get(name, "Simplified")) for key, name in order]
        text = "Texts that are all in this script already stay as they are, and so do the words of glossary.txt."
        return [OpenDialog(Choice("Which script?", text, choices), lambda answer: _convert(target, keys[answer]))]

    return [InThread(lambda: target.workspace.config().transcripts.script, ask, GROUP)]


def _convert(target: Target, name: str) -> list[Effect]:
    def work() -> list[Proposal]:
        return rewritten(target.rows, converter(name, read_glossary(target.workspace.glossary)))

    what = f"script: {name}"
    return [InThread(work, lambda found: preview(target.change, f"Convert to {name}", what, found), GROUP)]


def _rewrite(target: Target, what: str, rewrite: Callable[[str], str]) -> list[Effect]:
    title = what[0].upper() + what[1:]
    return [
        InThread(
            lambda: rewritten(target.rows, rewrite), lambda found: preview(target.change, title, what, found), GROUP
        )
    ]


def preview(
    change: Callable[[Sequence[TextChange], str], object],
    title: str,
    what: str,
    found: Sequence[Proposal],
    text: str = "",
) -> list[Effect]:
    if not found:
        return [Toast(f"{title}: nothing would change")]
    dialog = ChangesDialog(title, found, text)

    def answered(answer: str) -> list[Effect]:
        change(dialog.changes, what)
        return []

    return [OpenDialog(dialog, answered)]
