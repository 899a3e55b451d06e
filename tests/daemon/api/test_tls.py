"""TLS by certificate files: real handshakes, renewed files, and one clear line for each wrong file."""

import ipaddress
import ssl
import stat
from datetime import UTC, datetime, timedelta

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from retuned.daemon.api.client import Gone, remote
from retuned.daemon.api.uvicorn_settings import renew
from retuned.daemon.certificates import Certificate, ends_at, server_context
from retuned.daemon.config.config import load_config
from retuned.daemon.state.running_service import Place, read_place
from retuned.daemon.state.tokens import Role
from retuned.daemon.upkeep.doctor import check_certificate
from retuned.daemon.upkeep.doctor_findings import Case
from retuned.daemon.web.pages import add_pages
from retuned.daemon.web.sign_in_link import sign_in_link
from retuned.strategies.errors import InputError

NOW = datetime.now(UTC).replace(microsecond=0)


def write_pair(folder, begins=NOW - timedelta(days=1), ends=NOW + timedelta(days=90), passphrase=None):
    """A certificate for this machine, signed by itself, and its key."""
    folder.mkdir(exist_ok=True)
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), begins, ends)
    signed = made.add_extension(names, critical=False).sign(key, hashes.SHA256())
    hidden = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    kind = serialization.PrivateFormat.PKCS8
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, kind, hidden))
    key_file.chmod(0o600)
    return cert_file, key_file


@pytest.fixture
def pair(tmp_path):
    return write_pair(tmp_path / "tls")


@pytest.fixture
def served(judged_copy, serve, pair):
    made = serve(judged_copy, add_pages=add_pages, tls_cert=pair[0], tls_key=pair[1])
    yield made
    made.api.stop()


def test_the_service_is_reached_with_tls_and_without_it_not(served, pair):
    assert served.url.startswith("https://127.0.0.1:")
    assert requests.get(f"{served.url}/healthz", verify=pair[0], timeout=30).text == "ok\n"
    with pytest.raises(requests.ConnectionError):
        requests.get(served.url.replace("https", "http") + "/healthz", timeout=30)


def test_who_does_not_trust_the_certificate_sends_no_token(served):
    with pytest.raises(Gone, match="the certificate of https:"):
        remote(Place(served.url, served.secrets[Role.VIEWER])).models()


def test_whose_authority_is_trusted_is_answered(served, pair, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(pair[0]))
    assert remote(Place(served.url, served.secrets[Role.VIEWER])).status().version


def test_the_command_line_of_its_own_user_needs_no_certificate_and_opens_the_pages(served, pair):
    link = sign_in_link(read_place(served.desk.config.state))
    answer = requests.get(link, verify=pair[0], timeout=30, allow_redirects=False)
    assert answer.status_code == 303
    assert "; secure" in answer.headers["set-cookie"].lower()


def test_a_link_names_the_address_that_people_use(served):
    link = sign_in_link(read_place(served.desk.config.state), "https://retuned.example.org")
    assert link.startswith("https://retuned.example.org/sign-in?link=")


def test_renewed_files_are_served_from_then_on(pair):
    certificate = Certificate(*pair)
    assert certificate.renew() is False
    before = shown_by(certificate)
    write_pair(pair[0].parent)
    assert certificate.renew() is True
    assert shown_by(certificate) != before


def test_wrong_renewed_files_leave_those_from_before(pair, capsys):
    certificate = Certificate(*pair)
    before = shown_by(certificate)
    pair[1].write_text("nonsense")
    renew(certificate)
    renew(certificate)  # said once
    assert shown_by(certificate) == before
    assert capsys.readouterr().out.count("certificate_not_renewed") == 1


def shown_by(certificate):
    """The certificate that a client is shown."""
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asking.check_hostname, asking.verify_mode = False, ssl.CERT_NONE
    here, there = ssl.MemoryBIO(), ssl.MemoryBIO()
    server, client = certificate.context.wrap_bio(here, there, server_side=True), asking.wrap_bio(there, here)
    for side in (client, server):
        with pytest.raises(ssl.SSLWantReadError):
            side.do_handshake()
    client.do_handshake()
    return client.getpeercert(binary_form=True)


def spoil(kind, pair, folder):
    """Make one of the two files wrong."""
    cert, key = pair
    match kind:
        case "no certificate":
            cert.unlink()
        case "no key":
            key.unlink()
        case "certificate is text":
            cert.write_text("nonsense")
        case "key is text":
            key.write_text("nonsense")
        case "key of another":
            key.write_bytes(write_pair(folder / "other")[1].read_bytes())
        case "key with a passphrase":
            write_pair(cert.parent, passphrase=b"secret")
        case "key for all":
            key.chmod(0o644)
        case "key that a group writes":
            key.chmod(0o620)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("no certificate", r"tls_cert: \S+cert.pem cannot be read: No such file"),
        ("no key", r"tls_key: \S+key.pem cannot be read: No such file"),
        ("certificate is text", r"tls_cert: \S+cert.pem holds no certificate"),
        ("key is text", r"tls_key: \S+key.pem holds no private key"),
        ("key of another", r"tls_key: \S+key.pem is not the key of \S+cert.pem"),
        ("key with a passphrase", r"tls_key: \S+key.pem is encrypted"),
        ("key for all", r"tls_key: \S+key.pem has the permissions -rw-r--r--"),
        ("key that a group writes", r"tls_key: \S+key.pem has the permissions -rw--w----"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(pair, tmp_path, kind, said):
    spoil(kind, pair, tmp_path)
    with pytest.raises(InputError, match=said) as raised:
        server_context(*pair)
    assert raised.value.allowed
    assert raised.value.remedy


def test_a_group_may_read_the_key(pair):
    pair[1].chmod(0o640)
    assert server_context(*pair)
    assert stat.S_IMODE(pair[1].stat().st_mode) == 0o640


def test_when_a_certificate_ends_is_read_from_it(pair, tmp_path):
    assert ends_at(*pair) == NOW + timedelta(days=90)
    assert ends_at(*write_pair(tmp_path / "old", NOW - timedelta(days=9), NOW - timedelta(days=1))) is None


@pytest.mark.parametrize(
    ("days", "level", "said"), [(90, "ok", "is good until"), (5, "warning", "ends on"), (-1, "error", "has ended")]
)
def test_doctor_says_until_when_it_is_good(tmp_path, days, level, said):
    cert, key = write_pair(tmp_path / "tls", NOW - timedelta(days=30), NOW + timedelta(days=days))
    (finding,) = check_certificate(Case(config_of(tmp_path, cert, key), {}, NOW, None))
    assert (finding.level, said in finding.sentence) == (level, True)


def test_doctor_names_the_file_that_is_wrong(pair, tmp_path):
    pair[1].chmod(0o604)
    (finding,) = check_certificate(Case(config_of(tmp_path, *pair), {}, NOW, None))
    assert finding.level == "error"
    assert "tls_key" in finding.sentence


def config_of(folder, cert, key, listen="127.0.0.1:0"):
    path = folder / "config.toml"
    path.write_text(f'[api]\nlisten = "{listen}"\ntls_cert = "{cert}"\ntls_key = "{key}"\n')
    return load_config(path, {"HOME": str(folder)})


def test_a_public_address_is_taken_with_a_certificate(pair, tmp_path):
    assert config_of(tmp_path, *pair, listen="0.0.0.0:8719").api.tls_cert == pair[0]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('tls_cert = "a.pem"', "is set without tls_key"),
        ('tls_key = "a.pem"', "is set without tls_cert"),
        ('listen = "off"\ntls_cert = "a.pem"\ntls_key = "b.pem"', "allowed: with listen = 'HOST:PORT'"),
        ('listen = "0.0.0.0:1"\nopen_to_network = true', "open_to_network"),
    ],
)
def test_half_a_certificate_is_refused(refused, table, said):
    refused(table, said)
