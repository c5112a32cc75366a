"""The one registry of keys: bindings, footer, help screen and the README's table all come from here.

A pane is what has the focus: a screen ("playlist"), or a part of one ("transcripts.editor"). To give a pane keys,
add it to `PANES` and its actions to `ACTIONS`, then in the screen or widget:

    PANE = "playlist"
    BINDINGS = keymap.bindings("playlist")       # calls self.action_<last part of the action's id>

The footer and `?` follow the focus: `pane_of(screen)` is the PANE of the focused widget or of its nearest ancestor
that has one. Only keys that every terminal sends are used (no ctrl+enter, shift+enter, ctrl+digit), and none that
tmux or screen keep for themselves. `python -m tui.keymap` prints the table for the README.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.binding import BindingType
    from textual.screen import Screen


@dataclass(frozen=True)
class Action:
    """One thing a key does.

    id: "<pane>.<method>"; keys: Textual's names, comma-separated, the first one is shown; label: one or two words
    for the footer; help: a sentence for the help screen,
    "" if another action's tells it; show: whether the footer has it; shown_as: instead of the
    first key's name; does: the action string where it is not the method.
    """

    id: str
    keys: str
    label: str
    help: str
    show: bool = True
    shown_as: str = ""
    does: str = ""

    @property
    def pane(self) -> str:
        return self.id.rpartition(".")[0]

    @property
    def method(self) -> str:
        return self.does or self.id.rpartition(".")[2]

    @property
    def key(self) -> str:
        """The keys as they are shown to people: "space", "[ ]", "Ctrl+P"."""
        return self.shown_as or readable(self.keys.split(",")[0])


@dataclass(frozen=True)
class Pane:
    """title and one sentence of what it is for; more: where to read on."""

    title: str
    sentence: str
    more: str = "README.md"
    lists: bool = True
    """Whether the keys that move in every list work here."""
    plays: bool = False
    """Whether its rows are segments, which can be heard."""
    typed: bool = False
    """Whether text is typed in it: there a sign such as `?` is text, and no key."""


PANES: dict[str, Pane] = {
    "app": Pane("Everywhere", "What works on every screen.", lists=False),
    "list": Pane("In every list", "The same in every list and chart.", lists=False),
    "listen": Pane("Where segments are", "Hearing the segment under the cursor, here or in a browser.", lists=False),
    "welcome": Pane("Welcome", "This folder is empty: choose what to begin with.", lists=False),
    "setup": Pane("1 Setup", "What this machine needs, in order; the first ✗ is the one to mend first."),
    "models": Pane("1 Setup: models", "What writes the first transcripts, and what training begins with."),
    "playlist": Pane("2 Playlist", "The recordings of your sources: choose which to download."),
    "playlist.filter": Pane(
        "2 Playlist: filter",
        "Rows with all of it are shown: words, length<30m, date>=2023-05, cc, captions:zh, state:failed, selected.",
        lists=False,
        typed=True,
    ),
    "segments": Pane(
        "3 Segments", "The short pieces that each recording is cut into, with what Whisper sees of them.", plays=True
    ),
    "transcripts": Pane(
        "4 Transcripts", "What is said in each segment: read it, mend it, accept or reject it.", plays=True
    ),
    "transcripts.editor": Pane(
        "4 Transcripts: the text", "It is on disk before the cursor goes on.", lists=False, typed=True
    ),
    "transcripts.search": Pane(
        "4 Transcripts: filter",
        "Rows with all of it are shown: words, state:pending, flag:loop, video:words, conf<-0.5, by:machine, /regex/.",
        lists=False,
        typed=True,
    ),
    "training": Pane("5 Training", "The plan before, the run while it goes."),
    "training.plan": Pane("5 Training: the plan", "What a run would do, and why; most values can be changed."),
    "training.run": Pane(
        "5 Training: a run", "How the run goes: loss, error rate, samples, GPU, log.", lists=False, plays=True
    ),
    "results": Pane(
        "6 Results", "The base model beside the tuned one, on segments neither was trained on.", plays=True
    ),
}

# fmt: off
ACTIONS: list[Action] = [
    # -- everywhere
    Action("app.setup", "1", "setup", "Setup: is everything here that is needed", False, does="step('setup')"),
    Action("app.playlist", "2", "playlist", "Playlist: sources and downloads", False, does="step('playlist')"),
    Action("app.segments", "3", "segments", "Segments: how the recordings are cut", False, does="step('segments')"),
    Action("app.transcripts", "4", "transcripts", "Transcripts: correct, review", False, does="step('transcripts')"),
    Action("app.training", "5", "training", "Training: plan, start, watch", False, does="step('training')"),
    Action("app.results", "6", "results", "Results: what the training has brought", False, does="step('results')"),
    Action("app.help", "question_mark,f1", "help", "What this pane is for, and its keys; F1 while typing", False),
    Action("app.leave", "q", "quit", "Back, or quit; a running job goes on", False),
    Action("app.command_palette", "ctrl+p", "palette", "Everything that can be done now, by name", False),
    Action("app.interrupt", "ctrl+c", "quit", "Twice: quit without a question; jobs go on", False),
    # -- in every list (bound by the lists themselves)
    Action("list.move", "up,down,k,j", "move", "One row up or down", False, shown_as="↑ ↓ k j"),
    Action("list.page", "pageup,pagedown", "page", "One page up or down", False, shown_as="PgUp PgDn"),
    Action("list.ends", "home,end,g,G", "ends", "First or last row", False, shown_as="Home End g G"),
    Action("list.pane", "tab", "pane", "To the next pane", False),
    # -- where segments are
    Action("listen.play", "space", "play", "Hear the segment; hold it, and let it go on"),
    Action("listen.repeat", "R", "repeat", "Hear it from its beginning again", False),
    Action("listen.play_around", "w", "around", "Hear it with a moment of what lies before and after it", False),
    Action("listen.seek_back", "comma", "-1 s", "One second back; forward", False, shown_as=", .", does="seek(-1.0)"),
    Action("listen.seek_on", "full_stop", "+1 s", "", False, does="seek(1.0)"),
    Action("listen.slower", "minus", "slower", "Three quarters of the speed at the same pitch, and back", False),
    Action("listen.listen_address", "L", "listen", "Where to listen: the page for a browser, and the way to it", False),
    # -- welcome
    Action("welcome.demo", "d", "demo", "A workspace with made-up speech: every step works at once"),
    Action("welcome.link", "y", "YouTube link", "List a playlist, channel or video"),
    Action("welcome.files", "f", "audio files", "Take recordings that lie on this machine"),
    Action("welcome.dataset", "i", "dataset", "Take over an existing dataset"),
    # -- 1 setup
    Action("setup.again", "r", "run again", "Run the check under the cursor again"),
    Action("setup.all_again", "R", "run all", "Run every check again"),
    Action("setup.copy_fix", "c", "copy fix", "Copy the command that mends it: to the terminal's clipboard and a file"),
    Action("setup.download", "d", "download", "Download the model that is missing"),
    Action("setup.models", "m", "models", "Which models are here, which there are; choose one, fetch one"),
    Action("setup.details", "enter", "details", "The whole answer of this check"),
    Action("setup.next_wrong", "n", "next ✗", "To the next check that failed, then to those to look at", False),
    Action("setup.stop", "x", "stop", "Stop the download; it goes on later where it was", False),
    # -- models, from setup
    Action("models.both", "enter", "use", "Train from it and label with it; one that is not here is fetched first"),
    Action("models.base", "b", "base only", "The base model: what training begins with"),
    Action("models.labeller", "l", "labeller only", "The labeller: what writes the first transcripts"),
    Action("models.other", "plus", "another", "Any model of Hugging Face by its id, or a folder on this machine"),
    Action("models.stop", "x", "stop", "Stop the download; choosing it again goes on where it was"),
    Action("models.copy_fix", "c", "copy fix", "Copy what mends the model under the cursor, or its folder", False),
    Action("models.close", "escape", "back", "Back to the checks"),
    # -- 2 playlist
    Action("playlist.mark", "space", "select", "Select or leave out the recording under the cursor, or the range"),
    Action("playlist.get", "enter", "download", "Download what is selected; on a failed row: why it failed"),
    Action("playlist.add", "plus", "add source", "Add a playlist, channel or video link, a file or a folder"),
    Action("playlist.mark_all", "a", "all", "Select every recording shown; once more: none of them"),
    Action("playlist.mark_free", "c", "all CC BY", "Of the rows shown, select exactly the free ones: CC BY, and own"),
    Action("playlist.filter", "slash", "filter", "Show only some: words, length, date, licence, captions, state"),
    Action("playlist.pause", "p", "pause", "Hold the download where it is, and let it go on"),
    Action("playlist.stop", "x", "cancel", "Stop the download, else the listing, else asking for licences"),
    Action("playlist.retry", "r", "retry", "Try the failed again, where that may help; go on now after a block"),
    Action("playlist.range", "v", "range", "Begin a range here: move, then space selects all of it, esc drops it"),
    Action("playlist.list_again", "l", "list again", "Read the lists again: what is new, the rest of a stopped one"),
    Action("playlist.captions", "t", "captions", "Fetch captions of the recordings that are here"),
    Action("playlist.licences", "i", "licences", "Ask the site for the licences that no list tells"),
    Action("playlist.filter.keep", "enter", "keep it", "Keep the filter, and back to the rows", does="submit"),
    Action("playlist.filter.clear", "escape", "all rows", "Show all rows again", does="screen.back"),
    Action("playlist.filter.complete", "tab", "complete", "Write what could stand next; again: what else could"),
    Action("playlist.filter.complete_back", "shift+tab", "back", "", False, does="complete(-1)"),
    # -- 3 segments
    Action("segments.settings", "s", "settings", "How recordings are cut, with what that gives and changes"),
    Action("segments.cut", "enter", "cut", "Cut every recording that is not cut this way yet"),
    Action("segments.before", "left_square_bracket", "recording", "The recording before; the next", shown_as="[ ]"),
    Action("segments.after", "right_square_bracket", "recording", "", False),
    Action(
        "segments.jump_back", "left_curly_bracket", "jump", "A tenth of the recording back; forward",
        shown_as="{ }", does="jump(-0.1)",
    ),
    Action("segments.jump_on", "right_curly_bracket", "jump", "", False, does="jump(0.1)"),
    Action("segments.stop", "x", "cancel", "Stop cutting; whole segments are kept"),
    # -- 4 transcripts
    Action("transcripts.edit", "e", "edit", "Into the text under the table; enter does the same"),
    Action("transcripts.accept", "a", "accept", "The text is right as it is; on to the next row"),
    Action("transcripts.reject", "x", "reject", "Leave the segment out of training; its text is kept"),
    Action("transcripts.undo", "u,ctrl+z", "undo", "Take the last change back, also tomorrow, and go to its row"),
    Action(
        "transcripts.word_back", "less_than_sign", "move word",
        "The first word of the row to the row before, or its last one to the row after", False, shown_as="< >",
    ),
    Action("transcripts.word_on", "greater_than_sign", "move word", "", False),
    Action("transcripts.search", "slash", "search", "Show only some rows: words, terms such as flag:loop, /regex/"),
    Action("transcripts.filter", "f", "filter", "A menu of states, flags, writers and recordings, with their counts"),
    Action("transcripts.back", "escape", "all rows", "Put away what went wrong with a job; else show all rows", False),
    Action("transcripts.order", "o", "order", "In playing order, by suspicion, or the most errors a minute first"),
    Action("transcripts.accept_all", "A", "accept all", "Accept every pending row shown that has text"),
    Action("transcripts.bulk", "B", "bulk", "Many rows at once: accept, replace by a pattern, script, punctuation"),
    Action("transcripts.fix_everywhere", "H", "fix everywhere", "What was corrected last, wherever else it stands"),
    Action("transcripts.history", "h", "history", "Every change of this row, by whom; take any of them back"),
    Action("transcripts.edit_file", "E", "in $EDITOR", "The rows shown in your own editor; changes come back"),
    Action("transcripts.check_dataset", "D", "check data", "What is wrong with what is accepted: show it, mend it"),
    Action("transcripts.label", "b", "label", "Let the labeller write what has no text yet; or stop it"),
    Action("transcripts.round", "T", "round", "Train on what is accepted, and let that model write the rest anew"),
    Action("transcripts.second_opinion", "O", "second opinion", "Let another labeller read: what differs is marked"),
    Action("transcripts.bring_in", "i", "import", "Take in texts made elsewhere, also as a second opinion"),
    Action("transcripts.export", "X", "export", "Write accepted segments as a dataset"),
    Action("transcripts.play_on_arrival", "P", "play on arrival", "Play the row that enter, a or x goes on to"),
    Action("transcripts.place_text", "p", "place text", "Where a text shall go whose segment was cut away", False),
    Action("transcripts.editor.save", "enter", "save, next", "Save, and on to the next row", does="screen.save_text"),
    Action("transcripts.editor.play", "ctrl+@", "play", "Hear it meanwhile", does="screen.play", shown_as="Ctrl+space"),
    Action("transcripts.editor.repeat", "ctrl+r", "again", "Hear it from its start again", False, does="screen.repeat"),
    Action(
        "transcripts.editor.undo", "ctrl+z", "undo", "Take back what was typed, else the last change, also tomorrow",
        does="screen.undo_in_editor",
    ),
    Action(
        "transcripts.editor.next_variant", "tab", "next place",
        "To the next place that is read otherwise: typing replaces it; where there is none, save, go to the table",
    ),
    Action(
        "transcripts.editor.take_variant", "ctrl+t", "take",
        "Take the reading with this number, with Ctrl+T the one at the cursor; again puts back what was there",
        shown_as="Alt+1-9",
    ),
    Action(
        "transcripts.editor.fix_everywhere", "ctrl+g", "fix everywhere", "What was corrected here, in every other row",
        False, does="screen.fix_everywhere",
    ),
    Action(
        "transcripts.editor.word_back", "ctrl+o", "word back", "The first word of the text to the row before", False,
        does="screen.word_back",
    ),
    Action(
        "transcripts.editor.word_on", "ctrl+n", "word on", "The last word of the text to the next row", False,
        does="screen.word_on",
    ),
    Action("transcripts.editor.revert", "escape", "as it was", "Put the text back as it was", does="screen.revert"),
    Action("transcripts.editor.leave", "shift+tab", "to the table", "Save, go to the table", does="screen.to_table"),
    Action("transcripts.search.rows", "enter", "to the rows", "Keep it, and to the table"),
    Action("transcripts.search.clear", "escape", "all rows", "Show all rows again"),
    Action("transcripts.search.complete", "tab", "complete", "Write what could stand next; again: what else could"),
    Action("transcripts.search.complete_back", "shift+tab", "back", "", False, does="complete(-1)"),
    # -- 5 training
    Action("training.plan.choose", "enter", "start, change", "On the last row: start; on a value: change it"),
    Action("training.plan.split", "p", "split", "Part the accepted segments into train and test anew"),
    Action("training.plan.check_dataset", "D", "check data", "What is wrong with what is trained on, on 4 Transcripts"),
    Action("training.plan.resume", "r", "resume", "Only a run: v looks at runs, r goes on with the one shown", False),
    Action("training.plan.runs", "v", "runs", "Look at an earlier run"),
    Action("training.run.stop", "s", "stop", "Stop at the end of this step, with a checkpoint"),
    Action("training.run.resume", "r", "resume", "Go on where this run was stopped"),
    Action("training.run.extend", "e", "extend", "Go on with a finished run for more steps"),
    Action("training.run.pane", "tab", "pane", "Samples, log, GPU: the next pane"),
    Action("training.run.log_scale", "y", "log scale", "Logarithmic charts, and back"),
    Action("training.run.log_big", "l", "log", "The whole log, and back"),
    Action("training.run.runs", "v", "runs", "Look at an earlier run"),
    Action("training.run.plan", "escape", "plan", "Back to the plan; a running job goes on"),
    # -- 6 results
    Action("results.details", "enter", "diff", "Truth, base and tuned model, with what differs marked"),
    Action("results.evaluate", "v", "evaluate", "Measure the newest model beside its base, now"),
    Action("results.transcribe", "t", "transcribe a file", "Any recording through the tuned model"),
    Action("results.export", "E", "export", "Write accepted segments as a dataset"),
    Action("results.stop", "x", "cancel", "Stop measuring or transcribing"),
]
# fmt: on


_NAMES = {
    "question_mark": "?", "slash": "/", "plus": "+", "left_square_bracket": "[", "right_square_bracket": "]",
    "pageup": "PgUp", "pagedown": "PgDn", "up": "↑", "down": "↓", "escape": "esc", "comma": ",", "full_stop": ".",
    "minus": "-", "less_than_sign": "<", "greater_than_sign": ">", "shift+tab": "Shift+tab",
    "left_curly_bracket": "{", "right_curly_bracket": "}", "f1": "F1",
}  # fmt: skip


def readable(key: str) -> str:
    """Textual's name of a key as a person would write it."""
    if key.startswith("ctrl+"):
        return "Ctrl+" + key[5:].upper()
    return _NAMES.get(key, key)


def key(id: str) -> str:
    """The key of an action as people read it, for sentences that name it."""
    return next(action.key for action in ACTIONS if action.id == id)


def help_key(pane: str) -> str:
    """The key that shows the help of a pane."""
    as_sign, while_typing = next(action.keys for action in ACTIONS if action.id == "app.help").split(",")
    return readable(while_typing if pane in PANES and PANES[pane].typed else as_sign)


def label(id: str) -> str:
    """What an action does, in a word or two; the first where it is one of several things."""
    return next(action.label for action in ACTIONS if action.id == id).partition(",")[0]


def actions(pane: str) -> Iterator[Action]:
    return (action for action in ACTIONS if action.pane == pane)


def bindings(pane: str) -> list[BindingType]:
    """Textual's bindings for a pane; `id` lets a person give an action other keys."""
    from textual.binding import Binding

    return [
        Binding(
            action.keys,
            action.method,
            action.label,
            show=False,
            id=action.id,
            tooltip=action.help,
            # Inputs take Ctrl+C for themselves; leaving must work from everywhere.
            priority=action.id == "app.interrupt",
        )
        for action in actions(pane)
    ]


def footer(pane: str) -> list[tuple[str, str]]:
    """(key, label) for the footer, in the order of their worth."""
    listen = [action for action in actions("listen") if pane in PANES and PANES[pane].plays]
    return [(action.key, action.label) for action in (*listen, *actions(pane)) if action.show]


def help_keys(pane: str) -> list[tuple[str, str]]:
    """(key, sentence) for the help screen: the pane's own keys, those of lists, those that work everywhere."""
    screen = pane.partition(".")[0]
    panes = [pane, *([screen] if screen != pane else [])]
    if pane in PANES:
        panes += [name for name, has in (("listen", PANES[pane].plays), ("list", PANES[pane].lists)) if has]
    found = [action for name in (*panes, "app") for action in actions(name) if action.help]
    # Before there is a workspace there are no steps to go to.
    return [(one.key, one.help) for one in found if not (pane == "welcome" and one.method.startswith("step("))]


def pane_of(screen: Screen[Any]) -> str:
    """The pane under the focus: PANE of the focused widget, else of its nearest ancestor; "app" where none has one."""
    node = screen.focused or screen
    for ancestor in node.ancestors_with_self:
        name = getattr(ancestor, "PANE", "")
        if name:
            return str(name)
    return "app"


def markdown() -> str:
    """The table of all keys, for the README."""
    lines = ["| where | key | what it does |", "|---|---|---|"]
    for name, pane in PANES.items():
        for place, action in enumerate(action for action in actions(name) if action.help):
            key = action.key.replace("|", "\\|")
            lines.append(f"| {pane.title if not place else ''} | `{key}` | {action.help} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown())
