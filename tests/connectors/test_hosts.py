"""Which addresses may be called with a secret."""

import pytest

from connectors.hosts import is_safe, safe_origin


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://acme.example", "https://acme.example"),
        (" https://acme.example:8443/rest/1/?x=y ", "https://acme.example:8443"),
        ("http://localhost:8000/", "http://localhost:8000"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_an_address_is_called_by_https_or_on_this_machine(address: str, origin: str) -> None:
    assert safe_origin(address) == origin


@pytest.mark.parametrize(
    "address",
    ["", "acme.example", "http://acme.example", "ftp://localhost", "https://", "https://[x"],
)
def test_any_other_address_is_refused_unquoted(address: str) -> None:
    assert not is_safe(address)
    with pytest.raises(ValueError, match="not safe") as refused:
        safe_origin(address)
    assert "acme" not in str(refused.value)
