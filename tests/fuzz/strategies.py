"""The grammar for Hypothesis, which shrinks what fails: its draws take the place of chance."""

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from fuzz.grammar import Grammar, Sample


def samples(grammar: Grammar) -> SearchStrategy[Sample]:
    """Any string that the grammar can draw."""
    return st.randoms(use_true_random=False).map(grammar.sample)


def spellings(grammar: Grammar) -> SearchStrategy[tuple[Sample, Sample]]:
    """Two strings that mean the same number: the simplest, and one in any accepted dress."""
    return st.randoms(use_true_random=False).map(grammar.spellings)
