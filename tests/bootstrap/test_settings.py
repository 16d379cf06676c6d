"""What the environment may say: names, bounds, and what production refuses."""

from pathlib import Path

import pytest

from bootstrap.settings import Profile, Settings, SettingsRefused, load_settings

COMPLETE = {
    "PROFILE": "production",
    "JWT_SECRET": "j" * 48,
    "VAPID_PRIVATE_KEY": "v",
    "REGISTRY_PASSWORD": "r",
    "RELAYER_PASSWORD": "p",
    "RELAYER_KEYSTORE": "relayer.json",
    "ARBITER": "0x" + "11" * 20,
    "TOKEN": "0x" + "22" * 20,
    "PUSH_CONTACT": "mailto:operator@shop.example.net",
    "REGISTRY_URL": "https://registry.example.net",
}
"""Everything that production asks for."""


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that says nothing about us."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def given(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    """The settings under an environment."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def test_development_needs_nothing() -> None:
    settings = load_settings()
    assert settings.development
    assert settings.database == "sqlite:///.data/marketplace.db"


@pytest.mark.req(14, 177)
def test_production_starts_with_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given(monkeypatch, **COMPLETE).profile is Profile.PRODUCTION


@pytest.mark.req(14, 177)
@pytest.mark.parametrize("absent", sorted(COMPLETE.keys() - {"PROFILE", "PUSH_CONTACT", "REGISTRY_URL"}))
@pytest.mark.parametrize("empty", [True, False])
def test_production_names_what_it_lacks(monkeypatch: pytest.MonkeyPatch, absent: str, empty: bool) -> None:
    environment = {name: value for name, value in COMPLETE.items() if name != absent} | ({absent: ""} if empty else {})
    with pytest.raises(SettingsRefused, match=rf"needs {absent}:"):
        given(monkeypatch, **environment)


def test_production_hashes_no_weaker_than_owasp_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsRefused, match="ARGON2_MEMORY_KIB"):
        given(monkeypatch, **COMPLETE, ARGON2_MEMORY_KIB="8192")


@pytest.mark.req(160)
def test_every_setting_has_its_name_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(
        monkeypatch,
        DATA_DIR="somewhere",
        DATABASE_URL="postgresql+psycopg://me@host/name",
        CHAIN_URL="https://node.example.org",
        PORT="80",
        FEE_BPS="150",
        CONTEST_WINDOW_S="7",
        PUSH_ORIGINS="https://a.example.org, https://b.example.org",
        START_PATIENCE_S="1.5",
    )
    assert settings.data_dir == Path("somewhere")
    assert settings.database == "postgresql+psycopg://me@host/name"
    assert settings.chain_url == "https://node.example.org"
    assert (settings.port, settings.fee_bps, settings.contest_window_s) == (80, 150, 7)
    assert settings.push_origins == ("https://a.example.org", "https://b.example.org")
    assert settings.start_patience_s == 1.5


def test_what_is_given_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "80")
    assert load_settings(port=81).port == 81


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROFILE", "prod"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "http"),
        ("FEE_BPS", "1001"),
        ("FEE_BPS", "nan"),
        ("CONTEST_WINDOW_S", "0"),
        ("START_PATIENCE_S", "nan"),
        ("START_PATIENCE_S", "1e400"),
        ("CHAIN_URL", "localhost:8545"),
        ("REGISTRY_URL", "ftp://registry.example.org"),
        ("ARGON2_PASSES", "0"),
    ],
)
def test_a_bad_value_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(SettingsRefused, match=rf"^{name}: [^\n]+$"):
        given(monkeypatch, **{name: value})


@pytest.mark.parametrize("name", ["PROFILE", "PORT", "CHAIN_URL", "ARGON2_PASSES"])
def test_a_refusal_never_repeats_what_was_given(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(SettingsRefused) as refusal:
        given(monkeypatch, **{name: "a-pass-word"})
    assert "pass-word" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "j" * 48 not in repr(given(monkeypatch, **COMPLETE))


@pytest.mark.parametrize(
    ("text", "depth"), [("", None), ("0", 0), ("12", 12), ("10000", 10_000), ("finalized", "finalized")]
)
def test_confirmations_are_a_number_or_the_chains_own(
    monkeypatch: pytest.MonkeyPatch, text: str, depth: int | str | None
) -> None:
    assert given(monkeypatch, CONFIRMATIONS=text).confirmations == depth


@pytest.mark.parametrize("text", ["-1", "10001", "1.5", "latest", "true", "1_0", "٣", "9" * 5_000])
def test_other_confirmations_are_refused_in_one_line(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    with pytest.raises(SettingsRefused, match=r"^CONFIRMATIONS: must be a whole number from 0 to 10000, or finalized$"):
        given(monkeypatch, CONFIRMATIONS=text)


def test_a_chain_may_rest_and_have_no_second_node(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given(monkeypatch, BLOCK_TIME_S="").block_time_s is None
    assert given(monkeypatch, BLOCK_TIME_S="0").block_time_s == 0.0
    assert given(monkeypatch, CHAIN_WITNESS_URL="").chain_witness_url == ""
    assert given(monkeypatch, CHAIN_WITNESS_URL="http://127.0.0.1:1").chain_witness_url == "http://127.0.0.1:1"
    for name, value in (("BLOCK_TIME_S", "-1"), ("BLOCK_TIME_S", "nan"), ("CHAIN_WITNESS_URL", "ftp://here")):
        with monkeypatch.context() as other, pytest.raises(SettingsRefused, match=name):
            given(other, **{name: value})
