"""What is done to many rows at once: each change shown before it is made."""
