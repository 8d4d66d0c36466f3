"""Scripts that run in a peer's own environment: a JSON task on standard input, a JSON answer on standard output."""
