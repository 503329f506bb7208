"""What is said of changes that another program has overwritten."""

import pytest

from hermes_sessions.lost_words import in_one, notices, overview
from hermes_sessions.results import LostField, LostUpdate

ONE_MESSAGE = "1 message that you added was overwritten by another program"
BACK = "2 messages that you removed are back"


def lost(session_id: str, field: LostField, named: str) -> LostUpdate:
    return LostUpdate(session_id, field, None, None, 0.0, f"{named} was overwritten by another program")


@pytest.mark.parametrize(
    ("meanings", "said"),
    [
        ([BACK], BACK),
        (["your pin was overwritten by another program"], "your pin was overwritten by another program"),
        (
            [
                "your pin was overwritten by another program",
                'your title "x" was overwritten by another program',
            ],
            'your pin and your title "x" were overwritten by another program',
        ),
        (
            [
                "your pin was overwritten by another program",
                "your archiving was overwritten by another program",
                ONE_MESSAGE,
            ],
            "your pin, your archiving and 1 message that you added were overwritten by another program",
        ),
        (
            [ONE_MESSAGE, "your pin was overwritten by another program", BACK],
            f"1 message that you added and your pin were overwritten by another program, and {BACK}",
        ),
        ([ONE_MESSAGE, BACK], f"{ONE_MESSAGE}, and {BACK}"),
    ],
)
def test_what_one_conversation_lost_is_one_sentence(meanings: list[str], said: str) -> None:
    assert in_one(meanings) == said


def test_a_conversation_has_one_notice_and_the_rest_are_counted() -> None:
    told = notices(
        [
            lost("a", "title", 'your title "x"'),
            lost("b", "pinned", "your pin"),
            lost("a", "pinned", "your pin"),
        ]
    )
    assert [each.session_id for each in told] == ["a", "b"]
    assert told[0].warning == (
        'Session a: your title "x" and your pin were overwritten by another program. To put it back, open '
        "the conversation, or run `hermes-sessions put-back a`."
    )
    many = notices([lost(str(number), "pinned", "your pin") for number in range(5)])
    assert [each.session_id for each in many] == ["0", "1", "2", None]
    assert many[-1].warning == "2 more changes were overwritten earlier: see `hermes-sessions check`."


def test_where_there_is_little_room_one_notice_says_it_all() -> None:
    assert overview([]) is None
    one = [lost("a", "title", 'your title "x"'), lost("a", "pinned", "your pin")]
    assert [overview(one)] == notices(one)
    several = overview([*one, lost("b", "pinned", "your pin")])
    assert several
    assert several.session_id is None
    assert several.meaning == "Another program has overwritten your changes to 2 conversations"
