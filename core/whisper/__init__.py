"""What only Whisper needs: loading, features, decoding, data and training. Importing it loads no torch."""
