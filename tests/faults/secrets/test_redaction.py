"""`redact`, in every form in which a secret was seen to be written; and what it has to leave alone."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import UserError
from core.events import Finished, LogLine, Outcome, Sample
from core.jobs.event_line import LogEntry, format_line
from core.jobs.output import RedactedStream
from core.redaction import redact, redact_links, redact_title, redact_values, remember, secrets_in, without_secrets
from core.vault import Vault
from tests.faults.secrets.canaries import CANARY

SECRET = f"{CANARY}5xPL"

SPELLINGS = [
    "https://me:{}@host/feed",
    "https://{}@host/feed",
    "http://me:with/{}@host:80/x",
    "http://me:with@{}@host/x?a=b",
    "https://me:{}…",
    "https://host/feed?a=b&token={}&x=1",
    "https://host/feed?X-Amz-Signature={}",
    "https://host/#access_token={}",
    "https://host/;jsessionid={}",
    "https://host/?u=https%3A%2F%2Fme%3A{}%40inner%2F&x=1",
    "https://host/?u=https%253A%252F%252Fme%253A{}%2540inner%252F",
    "https://host/?next=%2Fa%3Ftoken%3D{}",
    '{{"url": "https:\\/\\/me:{0}@host\\/feed?token={0}"}}',
    "//me:{}@host/feed",
    "me:{}@proxy.local:3128",
    "PROXY_AUTH=me-{0} DB_PWD={0} SESSION_COOKIE={0} SIGNING_KEY={0} pw={0}",
    'password="cut off {} in the',
    "machine host login me password {}",
    "password={}",
    'password = "{} with blanks"',
    "'api_key': '{}'",
    '{{"apiKey": "{}"}}',
    '{{\\"client_secret\\": \\"{}\\"}}',
    "Authorization: Basic {}==",
    "Proxy-Authorization: Digest username=a, response={}",
    "'Authorization': 'SharedKey a:{}'",
    "cookie: SID={0}; HSID={0}",
    "Set-Cookie=SID={}",
    "{{'Cookie': 'a={0}; b={0}'}}",
    "--video-password {}",
    "--token={}",
    "Bearer {}",
    "X-Auth-Token: {}",
    "entry '.example.com\\tTRUE\\t/\\tTRUE\\t0\\tSID\\t{}\\n'",
    ".example.com TRUE / TRUE 0 SID {}",
    "hf_{}012",
    "eyJhbGci{0}.{0}.{0}",
]

HARMLESS = [
    "https://medium.com/@somebody/page",
    "https://www.youtube.com/watch?v=abcdefghijk&list=PLBsP89CPrMeM2XX",
    "http://[::1]:8737/@me",
    "mailto:me@host.example",
    "git@host.example:name/repository",
    "ssh -N -L 8737:127.0.0.1:8737 -p 22 me@host",
    "pad_token_id: 50257, max_tokens=448, eos_token='<|endoftext|>'",
    "PWD=/home/me/recordings OLDPWD=/home/me",
    "https://host/?u=https%3A%2F%2Finner%2Fa%3Fv%3D1",
    "token: not set",
    "the cookie file cookies.txt is not there",
    "basic information for the bearer of news",
    "HF_HUB_OFFLINE=1 whispersmith fetch --first 1",
    "https://hidden-0a1b2c3d@host/x?token=hidden-4e5f6a7b",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_in_every_spelling(spelling: str) -> None:
    shown = redact(f"before {spelling.format(SECRET)}")
    assert CANARY not in shown
    assert shown.startswith("before ")
    assert redact(shown) == shown


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_a_login_in_base64_is_told_from_prose() -> None:
    assert redact("Basic bWU6S2FuYXJpZQ==") == "Basic [hidden]"
    assert redact("Basic research") == "Basic research"


@given(st.text())
@example("https://a:b@c@d/?token=&=&token=x#token=y")
def test_any_text_comes_through_and_once_is_enough(text: str) -> None:
    once = redact(text)
    assert redact_links(redact_links(text)) == redact_links(text)
    assert isinstance(once, str)


def test_what_was_remembered_is_hidden_in_every_form() -> None:
    remember(["Kan arie/ß+9"])
    for form in ("Kan arie/ß+9", "Kan%20arie%2F%C3%9F%2B9"):
        assert redact(f"x{form}y") == "x[hidden]y"
    remember(["Abc", ""])
    assert redact("the Abc of it") == "the Abc of it"


def test_the_secrets_of_settings() -> None:
    headers = {"Cookie": "a=Kan2; b=Kan3", "Authorization": "Bearer Kan4", "User-Agent": "x"}
    found = set(secrets_in({"proxy": "http://me:Kan1@h:1", "http_headers": headers, "retries": 3}))
    assert found >= {"Kan1", "Kan2", "Kan3", "Kan4"}
    assert not {"x", "3", "Bearer"} & found


def test_titles_lose_only_what_can_be_no_word_of_them() -> None:
    remember(secrets_in("https://chinese:anthology@host/?session=20261126&code=harbour&token=Kan-arie7"))
    told = {"title": "Chinese anthology harbour, 20261126: the password: open", "channel": "token: a podcast"}
    assert redact_values(told) == told
    assert redact_title("to Kan-arie7, harbour") == "to [hidden], harbour"
    assert redact("harbour") == "[hidden]"


def test_a_word_or_a_number_is_hidden_where_it_stands_alone() -> None:
    remember(["20261126", "harbour"])
    assert redact("rm -r logs/jobs/20261126-115048-label-621568") == "rm -r logs/jobs/20261126-115048-label-621568"
    assert redact("harbours, a/harbour.mp4") == "harbours, a/harbour.mp4"
    assert redact("login harbour refused (20261126)") == "login [hidden] refused ([hidden])"


def test_a_password_with_blanks_is_one_secret() -> None:
    assert secrets_in({"videopassword": "harbour bridges"}) == ["harbour bridges"]


def test_a_published_link_has_neither_login_nor_token() -> None:
    assert without_secrets("https://me:x@host/a?token=1&v=2#t=3") == "https://host/a?v=2#t=3"
    assert without_secrets("https://host/a?v=2&v=3") == "https://host/a?v=2&v=3"


def test_errors_events_and_output_cannot_hold_one_and_speech_is_left_alone() -> None:
    url = f"https://me:{SECRET}@host/"
    error = UserError(url, url, url, url)
    assert CANARY not in repr(error.as_dict()) + str(error) + repr(error)
    spoken = "the password: Kanarienvogel"
    for event, holds in (
        (LogLine(f"listing {url}"), False),
        (Finished(Outcome.DONE, {"what": [url], "password": SECRET}, 0, error), False),
        (Finished(Outcome.DONE, {"segments": [{"text": spoken}]}), True),
        (Sample(1, "s", spoken, spoken), True),
    ):
        assert (CANARY.encode() in format_line(LogEntry(1, 1, event))) is holds
    assert redact_values({"a": (1, None, url)}) == {"a": [1, None, "https://[hidden]@host/"]}
    below = io.StringIO()
    stream = RedactedStream(below)
    for part in ("Traceback\npass", f"word={SECRET[:4]}", f"{SECRET[4:]}\r", "half"):
        stream.write(part)
    assert below.getvalue() == "Traceback\npassword=[hidden]\r"
    stream.flush()
    assert below.getvalue().endswith("half")


class TestVault:
    def test_what_is_sealed_is_revealed(self, tmp_path: Path) -> None:
        vault = Vault(tmp_path / "secrets.jsonl")
        links = [f"https://me:{SECRET}@host/?token={SECRET}&x=1", f"https://other:{SECRET}@host/", "no link", 3, None]
        sealed = vault.seal({"what": links})
        assert CANARY not in repr(sealed)
        assert vault.seal(sealed) == sealed
        assert Vault(tmp_path / "secrets.jsonl").seal({"what": links}) == sealed
        assert Vault(tmp_path / "secrets.jsonl").reveal(sealed) == {"what": links}
        assert (tmp_path / "secrets.jsonl").stat().st_mode & 0o777 == 0o600

    def test_nothing_to_keep_makes_no_file(self, tmp_path: Path) -> None:
        assert Vault(tmp_path / "secrets.jsonl").seal("https://host/") == "https://host/"
        assert list(tmp_path.iterdir()) == []

    def test_a_torn_line_costs_one_secret(self, tmp_path: Path) -> None:
        path = tmp_path / "secrets.jsonl"
        first = Vault(path).seal("https://me:first@host/")
        path.write_bytes(path.read_bytes() + b'{"id": "12345678", "sec')
        second = Vault(path).seal("https://me:second@host/")
        assert Vault(path).reveal([first, second]) == ["https://me:first@host/", "https://me:second@host/"]
        with pytest.raises(UserError, match="is not known any more"):
            Vault(path).reveal("https://hidden-12345678@host/")
        for damage in (b"[]\n", b"null\n", b"\xff\xfe\n", b'{"id": []}\n', json.dumps({"id": 1}).encode() + b"\n"):
            path.write_bytes(damage + path.read_bytes())
        assert Vault(path).reveal(first) == "https://me:first@host/"
