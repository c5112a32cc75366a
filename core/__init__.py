"""Everything that happens: the workspace, the store, the jobs and the stages. No Textual, no Rich."""
