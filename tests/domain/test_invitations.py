"""An invitation is good once, for a while; its code for minutes and a few tries."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from marketplace.domain.errors import Conflict
from marketplace.domain.invitations import (
    CODE_EVERY,
    CODE_LIFETIME,
    LIFETIME,
    MOST_CODES,
    MOST_TRIES,
    Invitation,
    InvitationStatus,
    is_email,
    masked,
)

NOW = datetime(2027, 3, 1, 9, 30, tzinfo=UTC)
INVITED = Invitation(
    "inv_1", "ord_1", "org_1", "foundry", "Foundry", "a@foundry.example", "https://x", NOW, NOW + LIFETIME
)
ASKED = INVITED.asking_code(NOW)
SENT = ASKED.with_code("sha256:1", NOW)


def test_it_is_good_until_it_lapses_is_used_or_revoked() -> None:
    assert INVITED.is_good(NOW)
    assert INVITED.is_good(INVITED.expires_at - timedelta(microseconds=1))
    assert not INVITED.is_good(INVITED.expires_at)
    used, revoked = SENT.used("acc_1"), SENT.revoked("no longer needed")
    assert not used.is_good(NOW)
    assert not revoked.is_good(NOW)
    assert (used.status, used.account_id, used.code_hash, used.code_until) == (
        InvitationStatus.USED,
        "acc_1",
        None,
        None,
    )
    assert (revoked.status, revoked.note, revoked.code_hash) == (InvitationStatus.REVOKED, "no longer needed", None)


def test_what_was_used_cannot_be_revoked() -> None:
    with pytest.raises(Conflict, match="has joined"):
        SENT.used("acc_1").revoked("too late")


def test_the_code_opens_once_in_time() -> None:
    assert SENT.fits("sha256:1", NOW)
    assert not SENT.fits("sha256:2", NOW)
    assert SENT.fits("sha256:1", NOW + CODE_LIFETIME - timedelta(microseconds=1))
    assert not SENT.fits("sha256:1", NOW + CODE_LIFETIME)
    assert not ASKED.fits("sha256:1", NOW)
    assert not SENT.used("acc_1").fits("sha256:1", NOW)
    assert not SENT.revoked("x").fits("sha256:1", NOW)


def test_a_code_is_dead_after_its_last_try() -> None:
    tried = SENT
    for _ in range(MOST_TRIES - 1):
        tried = tried.tried()
    assert tried.fits("sha256:1", NOW)
    assert not tried.tried().fits("sha256:1", NOW)
    assert tried.tried().with_code("sha256:1", NOW).fits("sha256:1", NOW)


def test_codes_come_with_a_pause_and_not_without_end() -> None:
    assert INVITED.may_send_code(NOW)
    assert not ASKED.may_send_code(NOW + CODE_EVERY - timedelta(microseconds=1))
    assert ASKED.may_send_code(NOW + CODE_EVERY)
    assert not replace(ASKED, codes=MOST_CODES).may_send_code(NOW + CODE_EVERY)
    assert not ASKED.revoked("x").may_send_code(NOW + CODE_EVERY)


def test_to_ask_for_another_code_ends_the_one_before() -> None:
    assert not SENT.asking_code(NOW).fits("sha256:1", NOW)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("a@foundry.example", True),
        ("ana.souza+lso@sub.foundry-1.example", True),
        ("a" * 64 + "@foundry.example", True),
        ("a" * 65 + "@foundry.example", False),
        ("a@" + "b" * 250 + ".example", False),
        ("a@foundry", False),
        ("a@foundry.example\n", False),
        ("a@foundry.example\r\nBcc: eve@example.org", False),
        ("Ana <a@foundry.example>", False),
        ("a@b@foundry.example", False),
        ('"a b"@foundry.example', False),
        ("a,eve@example.org@foundry.example", False),
        ("ä@foundry.example", False),
        ("a@-foundry.example", False),
        ("\ud800@foundry.example", False),
        ("", False),
    ],
)
def test_what_is_an_address(text: str, good: bool) -> None:
    assert is_email(text) is good


def test_a_masked_address_is_known_to_its_owner() -> None:
    assert masked("rui@foundry.example") == "r•••@foundry.example"
