"""A certificate whose key takes some 40 ms to sign with, made at once: its primes are public, so it protects nothing.

A key of 4,096 bits costs the signer as much as a Python client's handshake costs the client; at twice the length
it is eight times as much, but to find primes for one takes a minute. These are the moduli of two Diffie-Hellman groups.
"""

from __future__ import annotations

import base64
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

GROUPS = ("ffdhe4096", "modp_4096")
"""RFC 7919 and RFC 3526: OpenSSL knows them by name."""
HEADER = 8
"""Bytes before the first number of the groups' encoding: a sequence, then an integer, each with a length of two."""
LENGTH = 4096 // 8 + 1
EXPONENT = 65537


def _openssl(*arguments: str | Path) -> bytes:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout


def _prime(group: str) -> int:
    """Return the modulus of a group."""
    text = _openssl("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", f"group:{group}").decode()
    encoded = base64.b64decode("".join(line for line in text.splitlines() if not line.startswith("-----")))
    return int.from_bytes(encoded[HEADER : HEADER + LENGTH])


def make_long_key(folder: Path) -> tuple[Path, Path]:
    """Write a key of 8,192 bits and a certificate that it has signed itself; returns both files."""
    p, q = map(_prime, GROUPS)
    secret = pow(EXPONENT, -1, (p - 1) * (q - 1))
    numbers = (0, p * q, EXPONENT, secret, p, q, secret % (p - 1), secret % (q - 1), pow(q, -1, p))
    lines = ["asn1 = SEQUENCE:key", "[key]", *(f"n{n} = INTEGER:{number:#x}" for n, number in enumerate(numbers))]
    (folder / "key.cnf").write_text("\n".join(lines) + "\n")
    _openssl("asn1parse", "-noout", "-genconf", folder / "key.cnf", "-out", folder / "key.der")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    _openssl("rsa", "-inform", "DER", "-in", folder / "key.der", "-out", key)
    _openssl("req", "-x509", "-key", key, "-days", "2", "-subj", "/CN=pooler", "-out", certificate)
    return key, certificate
