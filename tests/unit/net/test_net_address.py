"""Which addresses are public: the whole matrix, and laws over all addresses."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.errors import Forbidden
from tidemill.net.address import check_address, why_refused

PUBLIC = (
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "168.63.129.15",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.1",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
)
REFUSED = (
    ("0.0.0.0", "unspecified"),
    ("0.1.2.3", "unspecified"),
    ("10.0.0.1", "private"),
    ("10.255.255.255", "private"),
    ("100.64.0.1", "carrier-grade NAT"),
    ("100.100.100.200", "carrier-grade NAT"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("168.63.129.16", "metadata"),
    ("169.254.0.1", "link-local"),
    ("169.254.169.254", "metadata"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.9", "protocols"),
    ("192.0.0.192", "protocols"),
    ("192.0.2.1", "documentation"),
    ("192.88.99.1", "6to4"),
    ("192.168.0.1", "private"),
    ("198.18.0.1", "benchmarks"),
    ("198.19.255.255", "benchmarks"),
    ("198.51.100.7", "documentation"),
    ("203.0.113.7", "documentation"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.250", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "reserved"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::127.0.0.1", "127.0.0.1"),
    ("::a00:1", "10.0.0.1"),
    ("::ffff:127.0.0.1", "127.0.0.1"),
    ("::ffff:169.254.169.254", "metadata"),
    ("::ffff:0:127.0.0.1", "127.0.0.1"),
    ("64:ff9b::7f00:1", "127.0.0.1"),
    ("64:ff9b::a9fe:a9fe", "metadata"),
    ("64:ff9b:1::1", "NAT64"),
    ("64:ff9b:1:7f00:0:100::", "NAT64"),
    ("100::1", "black hole"),
    ("2001::1", "0.0.0.0"),
    ("2001:0:7f00:1::f7f7:f7f7", "127.0.0.1"),
    ("2001:0:808:808::80ff:fffe", "127.0.0.1"),
    ("2001:2::1", "globally"),
    ("2001:10::1", "globally"),
    ("2001:db8::1", "documentation"),
    ("2002:7f00:1::", "127.0.0.1"),
    ("2002:c0a8:101::1", "192.168.1.1"),
    ("3fff::1", "documentation"),
    ("4000::1", "globally"),
    ("5f00::1", "segment"),
    ("fc00::1", "private"),
    ("fd00:ec2::254", "private"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "link-local"),
    ("fec0::1", "site-local"),
    ("ff02::1", "multicast"),
    ("localhost", "not an IP address"),
    ("", "not an IP address"),
    ("127.1", "not an IP address"),
)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address: str) -> None:
    check_address(address)


@pytest.mark.parametrize(("address", "why"), REFUSED)
def test_other_addresses_are_refused_and_told_why(address: str, why: str) -> None:
    with pytest.raises(Forbidden, match=r"net\.allow_private") as caught:
        check_address(address)
    assert caught.value.reason == "private_address"
    assert why in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_passes_or_is_forbidden(text: str) -> None:
    with suppress(Forbidden):
        check_address(text)


@given(st.integers(0, 2**128 - 1))
def test_any_ipv6_address_passes_or_is_forbidden_and_only_unicast_passes(number: int) -> None:
    address = IPv6Address(number)
    if why_refused(address) is None:
        local = (address.is_multicast, address.is_loopback, address.is_unspecified, address.is_link_local)
        assert not any(local)
        assert address.ipv4_mapped is not None or not address.is_private


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_in_any_ipv6_form_is_judged_as_itself(number: int) -> None:
    plain = why_refused(IPv4Address(number)) is None
    mapped, nat64, six_to_four = 0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80
    for form in (mapped, nat64, six_to_four):
        assert (why_refused(IPv6Address(form)) is None) is plain
    teredo = 0x2001 << 112 | number << 64 | (~0x08080808 & 0xFFFFFFFF)
    assert (why_refused(IPv6Address(teredo)) is None) is plain


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_that_python_calls_local_passes(address: IPv4Address) -> None:
    if why_refused(address) is None:
        assert address.is_global
        assert not address.is_multicast
