"""The text under the cursor: typing it, other readings of it, words moved across a cut, what became of it."""
