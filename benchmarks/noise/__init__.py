"""Measures the noisy regime against its targets and its peers: `schakel bench noise`. Everything runs on invented people."""
