"""PairBench's tier `wild`: a world of solids in natural light, seen by two cameras at two times."""
