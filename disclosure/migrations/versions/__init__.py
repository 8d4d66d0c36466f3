"""One module per version of the state store's tables."""
