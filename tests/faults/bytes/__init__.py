"""Strangers' bytes: every parser of a file, with what nobody should have written."""
