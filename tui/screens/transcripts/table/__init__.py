"""The rows of the review: which are shown, in what order, and what stands in them."""
