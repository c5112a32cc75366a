"""One file a format; `core.exchange.formats.table` says what each can do."""
