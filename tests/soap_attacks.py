"""What an attacker would send to a SOAP endpoint: one message per file of tests/attacks/soap, and here what is too
large for a file. The name before ``__`` is the code of the refusal that is due.

Run as a program it reads every one of them with a codec of Meridian's, within the memory and the time on the processor
that an operating system grants it, and prints what came of each.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "tests/attacks/soap"
MERIDIAN = ROOT / "fixtures/integrations/meridian-los"
GOOD = (MERIDIAN / "examples/01-complete__approves/request.xml").read_text()
ELEVEN, TWELVE = "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"
ACTION = '"urn:meridian:los:credit-decision:v3/ScoreApplication"'
HEADERS = {
    "1.1": {"content-type": "text/xml", "soapaction": ACTION},
    "1.2": {"content-type": f"application/soap+xml; action={ACTION}"},
}
MEMORY_BYTES = 150_000_000
"""What all attacks together may take beyond what the process holds when it is ready."""
PROCESSOR_SECONDS = 30
SIZE = 1_000_000


class Attack(NamedTuple):
    """One message; ``code`` is what it must be refused with."""

    name: str
    raw: bytes

    @property
    def code(self) -> str:
        return self.name.partition("__")[0]

    def in_version(self, version: str) -> bytes:
        """The same in SOAP 1.2, where that is asked for; in either encoding of the files."""
        raw = self.raw
        if version == "1.2":
            for encoding in ("utf-8", "utf-16-le"):
                raw = raw.replace(ELEVEN.encode(encoding), TWELVE.encode(encoding))
        return raw


def small() -> list[Attack]:
    """The attacks that are files."""
    return [Attack(path.stem, path.read_bytes()) for path in sorted(FOLDER.glob("*.xml"))]


def huge() -> list[Attack]:
    """The attacks that are large, most of them of about ``SIZE`` bytes."""
    return [Attack(name, text.encode()) for name, text in _huge(SIZE)]


def _huge(size: int) -> Iterator[tuple[str, str]]:
    open_, close = "<m:ScoreApplication", "</m:ScoreApplication>"
    yield "beyond_bounds__a_wide_body", GOOD.replace(close, "<a/>" * (size // 4) + close)
    yield "beyond_bounds__a_wide_header", _headed("<h>" + "<a/>" * (size // 4) + "</h>")
    yield "beyond_bounds__a_deep_body", _body("<a>" * (size // 7) + "</a>" * (size // 7))
    yield "beyond_bounds__a_body_as_deep_as_the_parser_goes", _body("<a>" * 250 + "</a>" * 250)
    yield "beyond_bounds__a_deep_header", _headed("<a>" * 200 + "</a>" * 200)
    yield "beyond_bounds__many_attributes", GOOD.replace(open_, open_ + _many(' a{}=""', size), 1)
    yield "beyond_bounds__a_megabyte_of_namespaces", GOOD.replace(open_, open_ + _many(' xmlns:n{}="urn:{}"', size), 1)
    yield "beyond_bounds__comments_without_end", GOOD.replace("<m:Loan>", "<!---->" * (size // 7) + "<m:Loan>")
    yield "beyond_bounds__a_name_without_end", _body(f"<{'n' * size}/>")
    yield "dtd_forbidden__a_quadratic_bomb", _entity(f'<!ENTITY a "{"h" * (size // 2)}">', "&a;" * (size // 6))
    yield "dtd_forbidden__parameters_without_end", _entity(f'<!ENTITY % a "{"h" * size}"> {"%a;" * 1000}', "x")
    yield "invalid_record__a_text_without_end", GOOD.replace("MER-2026-000101", "M" * size)
    yield "invalid_record__references_without_end", GOOD.replace("MER-2026-000101", "&#65;" * (size // 5))
    yield "invalid_record__an_attribute_without_end", GOOD.replace('"EUR"', f'"{"E" * size}"')
    yield "invalid_record__ten_thousand_faults", GOOD.replace("<m:Loan>", "<m:Loan" + _many(' a{}=""', 100_000) + ">")
    yield "unknown_operation__a_namespace_without_end", _body(f'<a xmlns="{"u" * size}"/>')
    yield "unknown_operation__namespaces_one_in_another", _body(_nested(50))


def _many(form: str, size: int) -> str:
    return "".join(form.format(at, at) for at in range(size // len(form)))


def _nested(levels: int) -> str:
    return "".join(f'<a xmlns="urn:{at}">' for at in range(levels)) + "</a>" * levels


def _body(content: str) -> str:
    return f'<s:Envelope xmlns:s="{ELEVEN}"><s:Body>{content}</s:Body></s:Envelope>'


def _headed(blocks: str) -> str:
    return GOOD.replace("<soapenv:Body>", f"<soapenv:Header>{blocks}</soapenv:Header><soapenv:Body>")


def _entity(declared: str, used: str) -> str:
    return GOOD.replace("?>", f"?><!DOCTYPE e [{declared}]>", 1).replace("MER-2026-000101", used)


def blocking(folder: Path) -> Iterator[tuple[str, str]]:
    """Messages that name a file nobody ever writes to: whoever opens it waits for good."""
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    yield "read", GOOD.replace("<m:Loan>", f'<m:Loan xsi:schemaLocation="urn:x {pipe}">')
    yield "read", GOOD.replace(open_ := "<m:ScoreApplication", f'{open_} xsi:noNamespaceSchemaLocation="{pipe}"', 1)
    yield "dtd_forbidden", _entity(f'<!ENTITY x SYSTEM "{pipe}">', "&x;")
    yield "dtd_forbidden", GOOD.replace("?>", f'?><!DOCTYPE e SYSTEM "{pipe}">', 1)


def main() -> None:
    from adapters.soap import adapter
    from adapters.soap.codec import SoapCodec
    from contracts.errors import ScoregateError
    from contracts.source import Source

    codec: SoapCodec = adapter.wire(Source.read(MERIDIAN / "integration.yaml").data["wire"], MERIDIAN)
    attacks = [*small(), *huge()]

    def outcome(raw: bytes, version: str) -> str:
        try:
            codec.decode(raw, HEADERS[version])
        except ScoregateError as error:
            return error.detail_code
        return "read"

    outcome(GOOD.encode(), "1.1")
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY_BYTES, held + MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    found = {
        f"{one.name} {version}": outcome(one.in_version(version), version) for one in attacks for version in HEADERS
    }
    with tempfile.TemporaryDirectory() as folder:
        waited = [[due, outcome(text.encode(), "1.1")] for due, text in blocking(Path(folder))]
    json.dump({"attacks": found, "blocking": waited, "after": outcome(GOOD.encode(), "1.1")}, sys.stdout)


if __name__ == "__main__":
    main()
