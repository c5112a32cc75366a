"""Transcripts as other programs keep them: tables, captions, audiofolders."""
