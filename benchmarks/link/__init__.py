"""Measures linkage against its targets and its peers: kernel, encoding speed, quality. `schakel bench link`."""
