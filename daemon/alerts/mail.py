"""Messages by e-mail: SMTP with STARTTLS or TLS, over connections that another thread can cut."""

import os
import smtplib
import socket
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from ...strategies.alerting.forms.mail import CHART, mail_form
from ...strategies.alerting.message import AlertMessage
from ...strategies.errors import InputError
from ...strategies.words import readable
from ..config.channel_tables import EmailChannel
from ..config.config import resolve_secret
from ..masking import masked
from ..state.outbox import Outcome
from .channel_posts import Occasion
from .connections import Connections
from .posting import STEP_S

_MOST_SHOWN = 160


def mail_of(
    channel: EmailChannel, message_id: str, message: AlertMessage, occasion: Occasion, chart: bytes | None = None
) -> EmailMessage:
    """The whole e-mail: plain text and HTML; all messages of an alert refer to one thread. `chart`: a PNG."""
    form = mail_form(message, has_chart=chart is not None)
    domain = channel.sender.rpartition("@")[2]
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = f"retuned <{channel.sender}>", ", ".join(channel.to), form.subject
    mail["Date"] = format_datetime(occasion.now)
    mail["Message-ID"] = f"<{message_id}@{domain}>"
    mail["References"] = f"<{form.thread}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no one's holiday notice answers it
    mail.set_content(form.text, cte="quoted-printable")
    mail.add_alternative(form.html, subtype="html", cte="quoted-printable")
    if chart is not None:
        html = mail.get_payload(1)
        assert isinstance(html, EmailMessage)
        html.add_related(chart, "image", "png", cid=f"<{CHART}>", disposition="inline", filename="chart.png")
    return mail


def send_mail(
    connections: Connections, channel: EmailChannel, mail: EmailMessage, environ: Mapping[str, str]
) -> Outcome:
    """Hand it to the mail server; what its answer means. Raises OSError and RetunedError."""
    password = None if channel.password is None else resolve_secret(channel.password, environ)
    context = None if channel.security == "none" else _context(environ.get("SSL_CERT_FILE"))
    try:
        with _connected(connections, channel, context) as server:
            if channel.username is not None and password is not None:
                server.login(channel.username, password)
            refused = server.send_message(mail, channel.sender, list(channel.to))
    except smtplib.SMTPException as error:
        return _outcome(error)
    note = "; ".join(f"{address}: {_reply(*reply)}" for address, reply in sorted(refused.items()))
    return Outcome(None, note=f"not taken for {note}"[:500] if note else "")


class _Server(smtplib.SMTP):
    """An SMTP session over a connection that was vetted, and can be cut; TLS from its first byte where `context` is."""

    def __init__(self, connections: Connections, context: ssl.SSLContext | None) -> None:
        self._connections, self._context = connections, context
        # its own name would be looked up, which may take minutes where no name service answers
        super().__init__(local_hostname=socket.gethostname() or "localhost", timeout=STEP_S)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        opened = self._connections.open(host, port, timeout)
        return opened if self._context is None else self._context.wrap_socket(opened, server_hostname=host)


def _connected(connections: Connections, channel: EmailChannel, context: ssl.SSLContext | None) -> smtplib.SMTP:
    server = _Server(connections, context if channel.security == "tls" else None)
    try:
        server._host = channel.host  # type: ignore[attr-defined]  # the name that STARTTLS checks the certificate for
        code, reply = server.connect(channel.host, channel.port_used)
        if code != 220:
            raise smtplib.SMTPConnectError(code, reply)
        if channel.security == "starttls":
            server.starttls(context=context)
    except BaseException:
        server.close()
        raise
    return server


def _context(authorities: str | None) -> ssl.SSLContext:
    if authorities and not os.access(authorities, os.R_OK):
        raise InputError(
            f"SSL_CERT_FILE names {authorities}, which cannot be read", "a file of certificates",
            "mend it in the service's environment",
        )  # fmt: skip
    is_folder = bool(authorities) and os.path.isdir(str(authorities))
    return ssl.create_default_context(
        cafile=authorities if authorities and not is_folder else None, capath=authorities if is_folder else None
    )


def _outcome(error: smtplib.SMTPException) -> Outcome:
    """What a failure means. A refusal of the message itself is final; a login or an address can be mended."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Outcome(f"the mail server refused the login ({error.smtp_code}); check username and password")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, reply = next(iter(error.recipients.values()))
        return Outcome(f"the mail server takes mail for none of the addresses in to: {_reply(code, reply)}")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Outcome("the mail server offers no STARTTLS or no login; check security and port")
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return Outcome("no answer: the mail server hung up; check security and port")
    if isinstance(error, smtplib.SMTPSenderRefused):
        return Outcome(f"the mail server refused the sender: {_reply(error.smtp_code, error.smtp_error)}")
    if isinstance(error, smtplib.SMTPResponseException):
        said = _reply(error.smtp_code, error.smtp_error)
        is_final = isinstance(error, smtplib.SMTPDataError) and 500 <= error.smtp_code < 600
        return Outcome(f"the mail server answered: {said}", is_final=is_final)
    return Outcome(f"it could not be sent ({type(error).__name__})")


def _reply(code: int, reply: bytes | str) -> str:
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
    return f"{code} {' '.join(readable(masked(text), keep=chr(10)).split())[:_MOST_SHOWN]}"
