"""Knowing a Whisper: where it lies, what its files say, its tokens, loading it, log-mel, and a toy to learn with."""
