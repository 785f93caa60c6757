"""What is secret by its name, and what is secret inside a URL."""

from __future__ import annotations

import pytest

from tidemill.settings.masking import is_secret_name, mask_urls

SECRETS = """
password db_password PASSWD api_key X-API-Key apiKey clientSecret access_token refreshToken Authorization set-cookie
sentry_dsn private-key jwt SECRET_KEY bearer signing.key
"""


@pytest.mark.parametrize("name", SECRETS.split())
def test_secret_names(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["url_key", "item_key", "monkey", "author", "tokenizer", "keyword", "passage", "page", "unsigned"]
)
def test_ordinary_names(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://ann:pw@h:5432/d", "postgresql://ann:***@h:5432/d"),
        ("redis://:pw@h/0", "redis://:***@h/0"),
        ("https://token@h/x", "https://***@h/x"),
        ("amqp://u:p@ss:w@h/", "amqp://u:***@h/"),
        ("postgresql://u:pa/ss?w#d@h/d", "postgresql://u:***@h/d"),
        ("https://h/?a=1&api_key=abc&b=2", "https://h/?a=1&api_key=***&b=2"),
        ("https://h/?key=abc#f", "https://h/?key=***#f"),
        ("see https://u:p@a/ and https://u:q@b/", "see https://u:***@a/ and https://u:***@b/"),
        ("https://h:8080/@ann/x?page=2", "https://h:8080/@ann/x?page=2"),
        ("mail ann@example.org", "mail ann@example.org"),
    ],
)
def test_urls(text: str, shown: str) -> None:
    assert mask_urls(text) == shown
