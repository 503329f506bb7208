"""Which segments continue each other and whose children they are: cases, and properties of any graph."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_sessions.agent import lineage
from hermes_sessions.agent.lineage import Conversation, Segment

from ..support.efforts import examples

Rows = dict[str, Segment]


def seg(
    id: str,
    parent: str | None = None,
    begun: float | None = None,
    ended: float | None = None,
    *,
    reason: str | None = None,
    messages: int = 1,
    **more: Any,
) -> Segment:
    """Return a segment from the command line; `reason` is why it ended, `messages` how many it has."""
    return Segment(
        **{
            "id": id,
            "source": "cli",
            "parent_session_id": parent,
            "started_at": begun,
            "ended_at": ended,
            "end_reason": reason,
            "message_count": messages,
            "last_activity": begun if messages else None,
        }
        | more
    )


def rows(*segments: Segment) -> Rows:
    return {segment.id: segment for segment in segments}


def chained(segments: Rows) -> list[list[str]]:
    """Return the ids of every chain, the chains in the order of their roots' ids."""
    return sorted([segment.id for segment in chain.segments] for chain in lineage.chains(segments))


def outline(segments: Rows) -> list[tuple[str, str, int, str | None]]:
    """Return the first segment, latest segment, number of segments and parent of every conversation."""
    return [
        (
            each.head.id,
            each.tip.id,
            each.chain_fields().get("_compression_segment_count", 1),
            each.parent_root_id,
        )
        for each in lineage.conversations(segments)
    ]


# Root, its two continuations.
CHAIN = rows(
    seg("a", None, 10, 20, reason="compression"),
    seg("b", "a", 20, 30, reason="compression"),
    seg("c", "b", 31),
)


# ---- continues ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parent", "child", "goes_on"),
    [
        pytest.param(seg("a", reason="compression", ended=20), seg("b", "a", 20), True, id="at its end"),
        pytest.param(seg("a", reason="compression", ended=20), seg("b", "a", 99), True, id="long after"),
        pytest.param(seg("a", reason="cli_close", ended=20), seg("b", "a", 20), True, id="closed by hand"),
        pytest.param(
            seg("a", reason="compression", ended=20), seg("b", "a", 19.99), False, id="before its end"
        ),
        pytest.param(
            seg("a", reason="compression", ended=20), seg("b", "a", None), False, id="start unknown"
        ),
        pytest.param(seg("a", reason="compression"), seg("b", "a", 5), True, id="end unknown"),
        pytest.param(seg("a", reason="compression"), seg("b", "a"), True, id="neither known"),
        pytest.param(seg("a", reason="compression", ended=0.0), seg("b", "a", -1), False, id="end is zero"),
        pytest.param(seg("a", reason="error", ended=20), seg("b", "a", 20), False, id="ended by an error"),
        pytest.param(seg("a", reason="Compression", ended=20), seg("b", "a", 20), False, id="another word"),
        pytest.param(seg("a", ended=20), seg("b", "a", 20), False, id="no reason"),
        pytest.param(seg("a", "a", reason="compression"), seg("a", "a"), False, id="itself"),
    ],
)
def test_a_child_continues_a_parent_that_was_closed_before_it_began(
    parent: Segment, child: Segment, goes_on: bool
) -> None:
    assert lineage.continues(parent, child) is goes_on


@pytest.mark.parametrize(
    ("source", "excluded", "listed"),
    [
        ("cli", (), True),
        ("cron", (), True),
        ("cron", ("cron",), False),
        ("cron", {"tool", "cron"}, False),
        ("cron", ("cro", "crons"), True),
        ("webui", (), False),
        ("webui", ("cron",), False),
        ("", (), False),
        (None, (), False),
        ("WebUI", (), True),
    ],
)
def test_web_ui_excluded_and_missing_sources_are_not_listed(
    source: str | None, excluded: Iterable[str], listed: bool
) -> None:
    assert lineage.is_listed(Segment("a", source), tuple(excluded)) is listed


# ---- chains, conversations and lineage fields by example ------------------------------------------------


def test_a_chain_is_one_conversation_titled_by_its_first_segment_with_the_figures_of_its_last() -> None:
    segments = rows(
        seg("a", None, 10, 20, reason="compression", title="Head", model="old", counted=9),
        seg(
            "b",
            "a",
            20,
            40,
            reason="done",
            title="Tip",
            model="new",
            counted=7,
            messages=6,
            last_activity=35.0,
        ),
    )
    [only] = lineage.conversations(segments)
    assert only.as_row() == {
        "id": "b",
        "source": "cli",
        "raw_source": "cli",
        "session_source": "cli",
        "source_label": "CLI",
        "title": "Head",
        "model": "new",
        "parent_session_id": None,
        "started_at": 10,
        "ended_at": 40,
        "end_reason": "done",
        "message_count": 7,
        "actual_message_count": 6,
        "last_activity": 35.0,
        "_lineage_root_id": "a",
        "_lineage_tip_id": "b",
        "_compression_segment_count": 2,
    }


def test_each_continuation_has_its_root_and_its_position_in_the_chain() -> None:
    assert chained(CHAIN) == [["a", "b", "c"]]
    assert outline(CHAIN) == [("a", "c", 3, None)]
    assert lineage.lineage_fields(CHAIN) == {
        "b": {"parent_session_id": "a", "_lineage_root_id": "a", "_compression_segment_count": 2},
        "c": {"parent_session_id": "b", "_lineage_root_id": "a", "_compression_segment_count": 3},
    }


def test_a_session_without_relatives_has_no_lineage_fields() -> None:
    segments = rows(seg("a", None, 10))
    assert outline(segments) == [("a", "a", 1, None)]
    assert lineage.conversations(segments)[0].chain_fields() == {}
    assert lineage.lineage_fields(segments) == {}


def test_a_closed_session_and_its_continuation_are_one_conversation() -> None:
    segments = rows(seg("a", None, 10, 20, reason="cli_close"), seg("b", "a", 500))
    assert outline(segments) == [("a", "b", 2, None)]


def test_a_child_that_began_before_its_parent_ended_is_a_separate_conversation() -> None:
    segments = rows(seg("a", None, 10, 20, reason="compression", title="Parent"), seg("b", "a", 15))
    assert chained(segments) == [["a"], ["b"]]
    assert outline(segments) == [("b", "b", 1, "a"), ("a", "a", 1, None)]
    assert lineage.lineage_fields(segments) == {
        "b": {
            "relationship_type": "child_session",
            "parent_session_id": "a",
            "parent_title": "Parent",
            "parent_source": "cli",
            "_parent_lineage_root_id": "a",
        }
    }


def test_of_several_continuations_the_latest_joins_the_chain_and_the_others_are_children() -> None:
    segments = rows(
        seg("a", None, 10, 20, reason="compression"),
        seg("b", "a", 21),
        seg("d", "a", 23),
        seg("c", "a", 22),
    )
    assert chained(segments) == [["a", "d"], ["b"], ["c"]]
    assert outline(segments) == [("a", "d", 2, None), ("c", "c", 1, "a"), ("b", "b", 1, "a")]
    fields = lineage.lineage_fields(segments)
    assert [fields[id].get("relationship_type") for id in "bcd"] == ["child_session", "child_session", None]


def test_of_simultaneous_continuations_the_greatest_id_joins_the_chain() -> None:
    a = seg("a", None, 10, 20, reason="compression")
    for order in (("b", "c"), ("c", "b")):
        assert chained(rows(a, *(seg(id, "a", 25) for id in order))) == [["a", "c"], ["b"]]


def test_the_child_of_an_inner_segment_is_a_child_of_the_chain_s_root() -> None:
    segments = CHAIN | rows(seg("sub", "b", 25, title="Helper"))
    assert ("sub", "sub", 1, "a") in outline(segments)
    fields = lineage.lineage_fields(segments)["sub"]
    assert (fields["parent_session_id"], fields["_parent_lineage_root_id"]) == ("b", "a")


def test_a_child_of_an_untitled_segment_gets_the_root_s_title_as_its_parent_title() -> None:
    titled = {id: each._replace(title="Root" if id == "a" else None) for id, each in CHAIN.items()}
    assert lineage.lineage_fields(titled | rows(seg("sub", "b", 25)))["sub"]["parent_title"] == "Root"


def test_a_child_can_have_a_chain_of_its_own() -> None:
    segments = CHAIN | rows(seg("s1", "b", 21, 22, reason="compression"), seg("s2", "s1", 23))
    assert ("s1", "s2", 2, "a") in outline(segments)
    fields = lineage.lineage_fields(segments)
    assert fields["s1"]["_parent_lineage_root_id"] == "a"
    assert fields["s2"]["_lineage_root_id"] == "s1"


def test_a_missing_parent_makes_neither_a_child_nor_a_continuation() -> None:
    segments = rows(seg("a", "gone", 10))
    assert outline(segments) == [("a", "a", 1, None)]
    assert lineage.lineage_fields(segments) == {}
    assert lineage.conversations(segments)[0].as_row()["parent_session_id"] == "gone"


def test_a_session_without_a_parent_is_not_a_child_of_one_with_an_empty_id() -> None:
    segments = rows(seg("", None, 10, 20, reason="compression"), seg("a", None, 30), seg("b", "", 30))
    assert chained(segments) == [[""], ["a"], ["b"]]
    assert lineage.lineage_fields(segments) == {}


# ---- circles --------------------------------------------------------------------------------------------


def test_a_session_that_is_its_own_parent_has_no_relatives() -> None:
    segments = rows(seg("a", "a", 10, reason="compression"))
    assert outline(segments) == [("a", "a", 1, None)]
    assert lineage.lineage_fields(segments) == {}


@pytest.mark.parametrize("order", ["abc", "bca", "cba"])
def test_a_cycle_of_continuations_begins_at_its_earliest_segment(order: str) -> None:
    circle = {
        "a": seg("a", "c", 12, reason="compression"),
        "b": seg("b", "a", 10, reason="compression"),
        "c": seg("c", "b", 11, reason="compression"),
    }
    segments = {id: circle[id] for id in order}
    assert chained(segments) == [["b", "c", "a"]]
    assert outline(segments) == [("b", "a", 3, None)]
    assert lineage.lineage_fields(segments).keys() == {"a", "c"}


def test_a_cycle_of_two_continuations_is_one_chain() -> None:
    segments = rows(seg("a", "b", 10, reason="compression"), seg("b", "a", 11, reason="cli_close"))
    assert outline(segments) == [("a", "b", 2, None)]


def test_children_in_a_cycle_are_each_other_s_children() -> None:
    segments = rows(seg("a", "b", 10), seg("b", "a", 11))
    assert outline(segments) == [("b", "b", 1, "a"), ("a", "a", 1, "b")]


def test_a_tail_on_a_cycle_is_a_child_of_its_beginning() -> None:
    segments = rows(
        seg("a", "b", 10, reason="compression"),
        seg("b", "a", 11, reason="compression"),
        seg("t1", "b", 5, reason="compression"),
        seg("t2", "t1", 6),
    )
    assert chained(segments) == [["a", "b"], ["t1", "t2"]]
    assert lineage.lineage_fields(segments)["t1"]["_parent_lineage_root_id"] == "a"
    assert set(lineage.families(segments).values()) == {"a"}


def test_a_parent_within_the_same_chain_makes_no_child() -> None:
    # The root claims its own continuation for a parent, which had not ended.
    segments = rows(seg("a", "b", 10, 20, reason="compression"), seg("b", "a", 20))
    assert chained(segments) == [["a", "b"]]
    assert outline(segments) == [("a", "b", 2, None)]
    assert lineage.lineage_fields(segments).keys() == {"b"}


# ---- tips, order, sources -------------------------------------------------------------------------------


def test_the_tip_is_the_latest_segment_that_has_messages() -> None:
    segments = CHAIN | {"c": CHAIN["c"]._replace(message_count=0, last_activity=None)}
    assert outline(segments) == [("a", "b", 2, None)]
    assert lineage.lineage_fields(segments)["c"]["_compression_segment_count"] == 3


def test_a_chain_with_messages_only_in_its_first_segment_has_that_id() -> None:
    segments = {id: each._replace(message_count=int(id == "a")) for id, each in CHAIN.items()}
    assert outline(segments) == [("a", "a", 1, None)]
    assert lineage.conversations(segments)[0].chain_fields() == {}


def test_segments_without_messages_before_the_tip_are_counted() -> None:
    segments = {id: each._replace(message_count=int(id == "c")) for id, each in CHAIN.items()}
    assert outline(segments) == [("a", "c", 3, None)]


def test_a_chain_without_messages_is_no_conversation_but_keeps_its_lineage_fields() -> None:
    segments = {id: each._replace(message_count=0) for id, each in CHAIN.items()}
    assert outline(segments) == []
    assert lineage.chains(segments)[0].tip is None
    assert lineage.lineage_fields(segments) == lineage.lineage_fields(CHAIN)


def test_a_stored_count_without_messages_makes_no_conversation() -> None:
    assert outline(rows(seg("a", messages=0, counted=5))) == []


def test_conversations_are_ordered_by_activity_then_start_then_id() -> None:
    segments = rows(
        seg("old", None, 100, last_activity=110.0),
        seg("tie b", None, 50, last_activity=200.0),
        seg("tie a", None, 60, last_activity=200.0),
        seg("start only", None, 150, last_activity=None),
        seg("nothing", None, None, last_activity=None),
        seg("before 1970", None, -5, last_activity=None),
    )
    assert [each.tip.id for each in lineage.conversations(segments)] == [
        "tie a",
        "tie b",
        "start only",
        "old",
        "nothing",
        "before 1970",
    ]


def test_segments_from_an_excluded_source_are_left_out_of_their_chain() -> None:
    segments = {id: each._replace(source="cron" if id == "b" else "cli") for id, each in CHAIN.items()}
    listed = {id: each for id, each in segments.items() if lineage.is_listed(each, ("cron",))}
    assert chained(listed) == [["a"], ["c"]]
    assert outline(listed) == [("c", "c", 1, None), ("a", "a", 1, None)]


def test_no_segments_have_no_conversations() -> None:
    assert [lineage.chains({}), lineage.conversations({})] == [[], []]
    assert [lineage.lineage_fields({}), lineage.families({})] == [{}, {}]


# ---- families -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parents", "named"),
    [
        ({"a": None, "b": None}, {"a": "a", "b": "b"}),
        ({"c": "b", "b": "a", "a": None}, {"a": "a", "b": "a", "c": "a"}),
        ({"b": "gone", "c": "gone"}, {"b": "gone", "c": "gone"}),
        ({"a": "a"}, {"a": "a"}),
        ({"z": "y", "y": "z"}, {"y": "y", "z": "y"}),
        ({"t": "z", "z": "y", "y": "x", "x": "z"}, {"t": "x", "z": "x", "y": "x", "x": "x"}),
        ({"a": "", "b": None}, {"a": "a", "b": "b"}),
    ],
)
def test_a_family_is_named_after_its_oldest_ancestor(
    parents: Mapping[str, str | None], named: Mapping[str, str]
) -> None:
    assert lineage.families(rows(*(seg(id, parent) for id, parent in parents.items()))) == named


# ---- linear in the number of rows -----------------------------------------------------------------------


class Counted(str):
    """An id that counts how often it is looked up or compared."""

    __slots__ = ()
    steps: ClassVar[int] = 0

    def __hash__(self) -> int:
        Counted.steps += 1
        return str.__hash__(self)

    def __eq__(self, other: object) -> bool:
        Counted.steps += 1
        return str.__eq__(self, other)

    def __lt__(self, other: str) -> bool:
        Counted.steps += 1
        return str.__lt__(self, other)


def counted(parents: Iterable[int | None], reason: str | None = "compression", messages: int = 1) -> Rows:
    """Return one segment for each parent by its number, ids of the kind that counts; number = start."""
    return {
        (id := Counted(f"s{number:06}")): seg(
            id, None if parent is None else Counted(f"s{parent:06}"), number, reason=reason, messages=messages
        )
        for number, parent in enumerate(parents)
    }


def line(size: int) -> list[int | None]:
    return [None, *range(size - 1)]


def circle(size: int) -> list[int | None]:
    return [size - 1, *range(size - 1)]


def fan(size: int) -> list[int | None]:
    return [None, *[0] * (size - 1)]


def tail_on_a_circle(size: int) -> list[int | None]:
    half = size // 2
    return [half - 1, *range(half - 1), *range(half - 1, size - 1)]


SHAPES: dict[str, Callable[[int], Rows]] = {
    "a chain": lambda size: counted(line(size)),
    "a chain upside down": lambda size: dict(reversed(counted(line(size)).items())),
    "a chain without messages but at its head": lambda size: {
        id: each._replace(message_count=int(each.parent_session_id is None))
        for id, each in counted(line(size)).items()
    },
    "children of children": lambda size: counted(line(size), reason=None),
    "a fan of continuations": lambda size: counted(fan(size)),
    "a fan of children": lambda size: counted(fan(size), reason=None),
    "a circle of continuations": lambda size: counted(circle(size)),
    "a circle of children": lambda size: counted(circle(size), reason=None),
    "a tail on a circle": lambda size: counted(tail_on_a_circle(size)),
    "a tail of children on a circle": lambda size: counted(tail_on_a_circle(size), reason=None),
    "themselves": lambda size: counted(range(size)),
    "no parents": lambda size: counted([None] * size),
    "one that is gone": lambda size: counted([size + 1] * size),
}


@pytest.mark.parametrize("decide", [lineage.conversations, lineage.lineage_fields, lineage.families])
@pytest.mark.parametrize("shape", SHAPES)
def test_twice_the_rows_are_twice_the_steps(decide: Callable[[Rows], object], shape: str) -> None:
    def steps(size: int) -> int:
        segments = SHAPES[shape](size)
        Counted.steps = 0
        decide(segments)
        return Counted.steps

    few, many = steps(500), steps(1_000)
    assert 500 <= few < 40 * 500
    # Sorting and dictionaries that grow are not exactly linear; a square would give four times.
    assert many < 2.4 * few


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parents", "heads"), [(line, 1), (fan, 9_999), (circle, 1)], ids=["chain", "fan", "circle"]
)
def test_ten_thousand_segments_are_grouped(
    parents: Callable[[int], Iterable[int | None]], heads: int
) -> None:
    segments = counted(parents(10_000))
    assert len(lineage.conversations(segments)) == heads
    assert len(lineage.lineage_fields(segments)) == 9_999
    assert set(lineage.families(segments).values()) == {"s000000"}


# ---- any graph ------------------------------------------------------------------------------------------

# Few ids and few times, so that ties, circles and gaps are common; "" and "no" can be parents only or rows.
IDS = ["", "a", "b", "c", "d", "e", "f", "g", "h", "no"]
TIMES = st.sampled_from([None, -1.0, 0.0, 1.0, 2.0, 3.0])
SEGMENTS = st.builds(
    Segment,
    id=st.sampled_from(IDS),
    source=st.sampled_from([None, "", "cli", "cron", "webui"]),
    title=st.sampled_from([None, "one", "two"]),
    parent_session_id=st.sampled_from([None, *IDS, "gone"]),
    started_at=TIMES,
    ended_at=TIMES,
    end_reason=st.sampled_from(["compression", "cli_close", "compression", None, "error"]),
    message_count=st.sampled_from([1, 0, 2]),
    last_activity=TIMES,
)
GRAPHS = st.lists(SEGMENTS, max_size=8, unique_by=lambda each: each.id).map(lambda some: rows(*some))
THOROUGH = examples(3)


@THOROUGH
@given(GRAPHS)
def test_every_segment_is_in_exactly_one_chain(segments: Rows) -> None:
    chained_segments = [segment for chain in lineage.chains(segments) for segment in chain.segments]
    assert sorted(chained_segments, key=lambda each: each.id) == sorted(
        segments.values(), key=lambda each: each.id
    )


@THOROUGH
@given(GRAPHS)
def test_each_segment_of_a_chain_continues_the_one_before(segments: Rows) -> None:
    for chain in lineage.chains(segments):
        for parent, child in zip(chain.segments, chain.segments[1:], strict=False):
            assert child.parent_session_id == parent.id
            assert lineage.continues(parent, child)


@THOROUGH
@given(GRAPHS)
def test_a_continuation_joins_the_chain_unless_a_later_one_does(segments: Rows) -> None:
    following = {
        parent.id: child
        for chain in lineage.chains(segments)
        for parent, child in zip(chain.segments, chain.segments[1:], strict=False)
    }
    roots = {chain.root.id for chain in lineage.chains(segments)}
    for child in segments.values():
        parent = segments.get(child.parent_session_id) if child.parent_session_id else None
        if parent is None or not lineage.continues(parent, child):
            assert child.id in roots
        elif following.get(parent.id) != child:
            rival = following.get(parent.id, child)
            assert child.id in roots
            assert (child.started_at or 0.0) <= (rival.started_at or 0.0)


@THOROUGH
@given(GRAPHS)
def test_every_chain_with_messages_is_one_conversation(segments: Rows) -> None:
    conversations = lineage.conversations(segments)
    tips = [chain.tip.id for chain in lineage.chains(segments) if chain.tip is not None]
    assert sorted(each.tip.id for each in conversations) == sorted(tips)
    assert [each.active_at for each in conversations] == sorted(
        (each.active_at for each in conversations), reverse=True
    )
    for each in conversations:
        assert each.head.id != each.parent_root_id
        assert each.as_row().keys() >= each.chain_fields().keys()


@THOROUGH
@given(GRAPHS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(segments: Rows, random: Any) -> None:
    shuffled = list(segments.items())
    random.shuffle(shuffled)
    other = dict(shuffled)
    assert chained(other) == chained(segments)
    assert lineage.conversations(other) == lineage.conversations(segments)
    assert lineage.lineage_fields(other) == lineage.lineage_fields(segments)
    assert lineage.families(other) == lineage.families(segments)


def apart(segments: Rows) -> dict[str, Rows]:
    """Return the rows of every family by its name."""
    families: dict[str, Rows] = {}
    for id, name in lineage.families(segments).items():
        families.setdefault(name, {})[id] = segments[id]
    return families


@THOROUGH
@given(GRAPHS)
def test_a_family_has_the_same_lineage_without_the_other_rows(segments: Rows) -> None:
    conversations, fields = lineage.conversations(segments), lineage.lineage_fields(segments)
    for name, family in apart(segments).items():
        assert lineage.lineage_fields(family) == {id: each for id, each in fields.items() if id in family}
        assert lineage.conversations(family) == [each for each in conversations if each.head.id in family]
        assert set(lineage.families(family).values()) == {name}


@THOROUGH
@given(GRAPHS, st.sets(st.sampled_from(["cron", "cli", "tool"])))
def test_a_family_has_the_same_conversations_without_the_other_rows_when_sources_are_excluded(
    segments: Rows, excluded: set[str]
) -> None:
    def listed(some: Rows) -> Rows:
        return {id: each for id, each in some.items() if lineage.is_listed(each, excluded)}

    def by_head(some: Iterable[Conversation]) -> list[Conversation]:
        return sorted(some, key=lambda each: each.head.id)

    families = apart(segments).values()
    alone = [conversations for family in families for conversations in lineage.conversations(listed(family))]
    assert by_head(alone) == by_head(lineage.conversations(listed(segments)))


@THOROUGH
@given(GRAPHS, GRAPHS, st.sets(st.sampled_from(IDS), max_size=3))
def test_only_the_families_that_a_change_touches_have_to_be_grouped_again(
    segments: Rows, changed: Rows, gone: set[str]
) -> None:
    gone -= changed.keys()
    after = {id: each for id, each in (segments | changed).items() if id not in gone}
    before = lineage.families(segments)
    # Of the rows that change or go, of their new parents, and of those who missed a row that is new.
    parents = {each.parent_session_id for each in changed.values() if each.parent_session_id}
    touched = {before[id] for id in {*changed, *gone, *parents} & before.keys()} | changed.keys() | parents
    decided = {id: each for id, each in after.items() if id in changed or before[id] in touched}
    kept = after.keys() - decided.keys()
    fields = lineage.lineage_fields(segments)
    assert lineage.lineage_fields(after) == lineage.lineage_fields(decided) | {
        id: each for id, each in fields.items() if id in kept
    }
    assert lineage.families(after) == lineage.families(decided) | {id: before[id] for id in kept}


@THOROUGH
@given(GRAPHS)
def test_a_row_and_its_parent_are_in_one_family(segments: Rows) -> None:
    named = lineage.families(segments)
    assert named.keys() == segments.keys()
    for id, segment in segments.items():
        if segment.parent_session_id:
            assert named[id] == named.get(segment.parent_session_id, segment.parent_session_id)
