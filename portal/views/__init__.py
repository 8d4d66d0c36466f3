"""One module per kind of reader; a view takes a `Visit` and gives a response, and decides nothing that `policies` decides."""
