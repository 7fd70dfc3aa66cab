"""The one merge order: complete, in order, and a function of the number of parts alone."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, strategies as st

from model_monitor.runners.fold import FAN_IN, fold


@dataclass(frozen=True)
class Shape:
    """A part that remembers how it was merged."""

    text: str

    def merge(self, other: Shape) -> Shape:
        return Shape(f"({self.text}{other.text})")


@dataclass(frozen=True)
class Letters:
    text: str

    def merge(self, other: Letters) -> Letters:
        return Letters(self.text + other.text)


def test_no_parts_give_the_empty_one():
    assert fold(iter(()), Letters("")) == Letters("")


def test_one_part_is_not_merged_with_the_empty_one():
    assert fold([Letters("a")], Letters("never")) == Letters("a")


@given(st.integers(1, 700))
def test_every_part_is_merged_once_and_in_order(count):
    parts = [Letters(f"{i};") for i in range(count)]
    assert fold(parts, Letters("")).text == "".join(part.text for part in parts)


def test_neighbours_merge_in_eights_and_what_is_left_over_follows():
    parts = [Shape(letter) for letter in "abcdefghij"]
    assert fold(parts, Shape("")).text == "(((((((((ab)c)d)e)f)g)h)i)j)"
    assert fold([Shape("a")] * FAN_IN * 2, Shape("")).text == "((((((((aa)a)a)a)a)a)a)(((((((aa)a)a)a)a)a)a))"


def test_few_parts_are_held_at_a_time():
    alive = 0
    most = 0

    @dataclass
    class Counted:
        size: int = 1

        def merge(self, other: Counted) -> Counted:
            nonlocal alive
            alive -= 1
            return Counted(self.size + other.size)

    def parts():
        nonlocal alive, most
        for _ in range(5000):
            alive += 1
            most = max(most, alive)
            yield Counted()

    assert fold(parts(), Counted(0)).size == 5000
    assert most <= FAN_IN * 5
