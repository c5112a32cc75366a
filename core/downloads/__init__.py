"""From a chosen row to a recording in `media/`: the queue, one transfer, its figures, and a bound for what hangs."""
