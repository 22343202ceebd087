"""A WSDL put together from its sections, each in the few ways the tests of the soap adapter want it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adapters.soap import adapter
from adapters.soap.codec import SoapCodec

SOAP11, SOAP12 = "http://schemas.xmlsoap.org/wsdl/soap/", "http://schemas.xmlsoap.org/wsdl/soap12/"
WSDL = "http://schemas.xmlsoap.org/wsdl/"
HEAD = (
    f'<w:definitions xmlns:w="{WSDL}" xmlns:s="{SOAP11}" xmlns:s12="{SOAP12}" xmlns:t="urn:t"\n'
    '  xmlns:x="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t">\n'
)
TYPES = """<w:types><x:schema targetNamespace="urn:t" elementFormDefault="qualified">
  <x:element name="Score" type="x:decimal"/><x:element name="ScoreResponse" type="x:int"/>
  <x:element name="Other" type="x:string"/></x:schema></w:types>"""
DOCUMENT = """<w:message name="In"><w:part name="p" element="t:Score"/></w:message>
<w:message name="Out"><w:part name="p" element="t:ScoreResponse"/></w:message>"""
RPC = """<w:message name="In"><w:part name="amount" type="x:decimal"/><w:part name="term" type="x:int"/></w:message>
<w:message name="Out"><w:part name="score" type="x:int"/></w:message>"""
PORT_TYPE = """<w:portType name="P"><w:operation name="Score"><w:input message="t:In"/><w:output message="t:Out"/>
</w:operation></w:portType>"""
SERVICE = """<w:service name="S"><w:port name="One" binding="t:B"><s:address location="http://old/"/></w:port>
</w:service>"""
ENVELOPE = '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>{}</e:Body></e:Envelope>'
SECTION: dict[str, Any] = {"wsdl": "a.wsdl", "operations": ["Score"]}


def binding(style: str = "document", *, name: str = "B", s: str = "s", action: str = "urn:act", body: str = "") -> str:
    use = f'<{s}:body use="literal"{body}/>'
    return (
        f'<w:binding name="{name}" type="t:P"><{s}:binding style="{style}" '
        f'transport="http://schemas.xmlsoap.org/soap/http"/><w:operation name="Score">'
        f'<{s}:operation soapAction="{action}"/><w:input>{use}</w:input><w:output>{use}</w:output>'
        "</w:operation></w:binding>"
    )


def wired(folder: Path, *sections: str, section: dict[str, Any] | None = None, **files: str) -> SoapCodec:
    """The codec of a WSDL made of these sections; ``files`` lie beside it, ``x_xsd`` as ``x.xsd``."""
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    (folder / "a.wsdl").write_text(HEAD + "\n".join(sections) + "\n</w:definitions>")
    return adapter.wire(section or SECTION, folder)


def read(codec: SoapCodec, body: str, action: str = "urn:act") -> dict[str, Any]:
    tree = codec.decode(ENVELOPE.format(body).encode(), {"content-type": "text/xml", "soapaction": f'"{action}"'})
    return {name: value for name, value in tree.items() if name != "header"}


def asked(codec: SoapCodec) -> set[str]:
    """The paths into the body of a request."""
    return {path for path in codec.fields().request or {} if not path.startswith("header.")}
