"""Stand-ins on loopback for what lies outside: a podcast server with faults."""
