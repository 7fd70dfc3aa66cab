"""Random records for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

numbers = st.one_of(
    st.integers(-50, 50),
    st.integers(-(2**62), 2**62),
    st.floats(-1e6, 1e6, allow_nan=False),
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e150, max_value=1e150),
)
texts = st.one_of(
    st.sampled_from(
        ["a", "b", "true", "false", "", "00501", "37", "37.0", "+5", " 7", "1.", "NaN", "1e400", "é\u2028"]
    ),
    st.text(max_size=3),
)
cells = st.one_of(st.none(), numbers, st.booleans(), texts)

NAMES = ("flag", "amount", "code", "anything")


@st.composite
def records(draw: st.DrawFn, max_size: int = 60) -> list[tuple[object, ...]]:
    """Records of four features: whole numbers, doubles, few texts, and cells of any kind."""
    return draw(
        st.lists(
            st.tuples(
                st.one_of(st.none(), st.integers(0, 1)),
                st.one_of(st.none(), st.floats(-1e6, 1e6, allow_nan=False)),
                st.one_of(st.none(), st.sampled_from(["x", "y", "z"])),
                cells,
            ),
            max_size=max_size,
        )
    )
