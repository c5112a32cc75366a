"""What a person types to find rows: one grammar, and the languages of recordings and of segments made from it."""
