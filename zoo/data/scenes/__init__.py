"""PairBench: scenes that are computed, not downloaded, with true depth."""
