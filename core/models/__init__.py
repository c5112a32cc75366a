"""Models: which are here, which we suggest, how one is fetched and what is looked at before it is used.

`suggested` is the table of models worth trying; `cache` tells what lies on this machine; `listing` merges both for
the command line and the screens; `hub` asks the Hugging Face hub what a repository holds; `download` brings it;
`inspect` looks at what came; `problems` says in a person's words what went wrong.
"""
