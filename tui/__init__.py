"""The full-screen app: everything that is seen. It only calls `core`, and never loads torch."""

import os

# Chinese input methods: with the Kitty keyboard protocol on, a commit of five or more Han characters
# arrives as an escape sequence too long for Textual's parser and turns into garbage. textual.constants
# reads this once, at import, so it has to be set before the first Textual module is loaded.
os.environ.setdefault("TEXTUAL_DISABLE_KITTY_KEY", "1")
