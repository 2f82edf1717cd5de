"""An authority of a cluster's own, and a certificate for each host, made by it.

Made with the package ``cryptography``, which signing in by OpenID brings along, too.
The program ``openssl`` takes other options in each of its forks, is not on every host,
and would have keys written through temporary files.
"""

from __future__ import annotations

import datetime
import os
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from recorder.cluster.scheduler import CA_FILE, CERT_FILE, KEY_FILE
from recorder.errors import UsageError

CA_KEY_FILE = "ca-key.pem"
"""The authority's key: whoever has it can let any host in."""
CA_DAYS = 3650
"""Days that an authority is valid: as long as a cluster lives. Chosen, not tuned."""
HOST_DAYS = 730
"""Days that the certificate of a host is valid. Chosen, not tuned: renewing takes a
command and a copy, and `recorder check` warns in time."""
PrivateKey = ec.EllipticCurvePrivateKey
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,62}")
"""A host, as in DNS; also the name of its folder."""


@dataclass(frozen=True, slots=True)
class Made:
    """What became of one certificate."""

    path: Path
    new: bool
    ends: datetime.date


def make_certificates(folder: Path, hosts: tuple[str, ...], renew: bool) -> list[Made]:
    """Make an authority, where there is none, and a folder for each host.

    Args:
        folder: Gets ``ca.pem``, ``ca-key.pem`` and ``HOST/{ca,cert,key}.pem``.
        hosts: Their names. What is there already is kept.
        renew: Make new certificates for hosts that have one.

    Returns:
        What is there now, the authority first.

    Raises:
        UsageError: A name is none, or a file cannot be read or written.
    """
    for host in hosts:
        if not NAME.fullmatch(host):
            raise UsageError(f"{host!r} is no name of a host: letters, digits, - and .")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority, key, made = _authority(folder)
        return [made, *(_host(folder / h, h, authority, key, renew) for h in hosts)]
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{folder}: {error}") from error


def _authority(folder: Path) -> tuple[x509.Certificate, PrivateKey, Made]:
    """The one that is there, else a new one."""
    cert_path, key_path = folder / CA_FILE, folder / CA_KEY_FILE
    if cert_path.exists() or key_path.exists():
        if not (cert_path.exists() and key_path.exists()):
            missing = key_path if cert_path.exists() else cert_path
            raise ValueError(
                f"{missing.name} is missing: fetch it from where it is kept, or name "
                "an empty folder to make another authority"
            )
        found = x509.load_pem_x509_certificate(cert_path.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        if not isinstance(key, PrivateKey):
            raise ValueError(f"{key_path.name} is not a key that this command made")
        return found, key, Made(cert_path, False, _last_day(found))
    key = _new_key()
    builder = _builder("recorder cluster authority", CA_DAYS, key)
    builder = builder.issuer_name(_name("recorder cluster authority"))
    builder = builder.add_extension(x509.BasicConstraints(True, 0), critical=True)
    builder = builder.add_extension(_usage(authority=True), critical=True)
    certificate = _signed(builder, key)
    _write(key_path, _key_bytes(key), 0o600)
    _write(cert_path, _bytes(certificate), 0o644)
    return (
        certificate,
        key,
        Made(cert_path, True, _last_day(certificate)),
    )


def _host(
    folder: Path,
    host: str,
    authority: x509.Certificate,
    authority_key: PrivateKey,
    renew: bool,
) -> Made:
    """The folder of a host: what is there, else new."""
    path = folder / CERT_FILE
    if path.exists() and not renew:
        found = x509.load_pem_x509_certificate(path.read_bytes())
        return Made(folder, False, _last_day(found))
    folder.mkdir(mode=0o700, exist_ok=True)
    key = _new_key()
    builder = _builder(host, HOST_DAYS, key).issuer_name(authority.subject)
    certificate = _signed(_of_host(builder, host, authority_key), authority_key)
    _write(folder / KEY_FILE, _key_bytes(key), 0o600)
    _write(folder / CA_FILE, _bytes(authority), 0o644)
    _write(path, _bytes(certificate), 0o644)
    return Made(folder, True, _last_day(certificate))


def _of_host(
    builder: x509.CertificateBuilder, host: str, authority_key: PrivateKey
) -> x509.CertificateBuilder:
    """Each host is a server and a client of dask."""
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    names = x509.SubjectAlternativeName([x509.DNSName(host)])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(
        authority_key.public_key()
    )
    return (
        builder.add_extension(x509.BasicConstraints(False, None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(both), critical=False)
        .add_extension(names, critical=False)
        .add_extension(issuer, critical=False)
    )


def _builder(name: str, days: int, key: PrivateKey) -> x509.CertificateBuilder:

    now = datetime.datetime.now(datetime.UTC)
    begin = now - datetime.timedelta(days=1)  # clocks of hosts differ
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(identifier, critical=False)
    )


def _last_day(certificate: x509.Certificate) -> datetime.date:
    return certificate.not_valid_after_utc.date()


def _signed(builder: x509.CertificateBuilder, key: PrivateKey) -> x509.Certificate:

    return builder.sign(key, hashes.SHA256())


def _name(text: str) -> x509.Name:

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _new_key() -> PrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _usage(authority: bool) -> x509.KeyUsage:

    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _bytes(certificate: x509.Certificate) -> bytes:

    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_bytes(key: PrivateKey) -> bytes:

    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by others in between."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
        file.write(content)
        os.fchmod(file.fileno(), mode)
    temporary.replace(path)


def valid_until(path: Path) -> datetime.date:
    """The last day of a certificate.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from error
    return _last_day(found)
