"""Several at work in one workspace at the same time, each a process of its own."""
