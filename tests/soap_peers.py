"""SOAP clients nobody here wrote, each driven the same way: one list of calls in, what came of each out.

A call's arguments are a tree in one spelling (``@name`` an attribute, ``#text`` the text beside attributes, None nil).
An answer is a tree of plain names in the client's own types; ``plain`` brings both to texts that can be compared.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import requests
import suds
import suds.client
import suds.plugin
import suds.sax.element
import suds.transport.http
import zeep
import zeep.helpers
from lxml import etree
from suds.sudsobject import Factory

WSA = "http://www.w3.org/2005/08/addressing"
PROGRAMS = Path(__file__).parent / "soap_clients"
XML = "{http://www.w3.org/XML/1998/namespace}"


class Service(NamedTuple):
    """Where a WSDL is served, as whom it is called, and how: ``style`` is document, wrapped, or bare, or rpc; ``port``
    is for a WSDL that has several.
    """

    wsdl: str
    user: str
    password: str
    style: str = "document"
    port: str = ""


class Call(NamedTuple):
    operation: str
    arguments: Mapping[str, Any]
    message_id: str = ""


class Outcome(NamedTuple):
    """What a client made of one call: the answer's tree, or the fault's text and detail; ``raw`` as it came."""

    answer: Any = None
    fault: str = ""
    detail: Any = None
    raw: str = ""


Client = Callable[[Service, str, Sequence[Call]], list[Outcome]]


def with_zeep(service: Service, version: str, calls: Sequence[Call]) -> list[Outcome]:
    received: list[requests.Response] = []
    with requests.Session() as session:
        session.auth = (service.user, service.password)
        session.hooks["response"].append(lambda response, **_: received.append(response))
        client = zeep.Client(service.wsdl, transport=zeep.Transport(session=session), port_name=service.port or None)
        return [_zeep_call(client, call)._replace(raw=received[-1].text) for call in calls]


def _zeep_call(client: zeep.Client, call: Call) -> Outcome:
    header = etree.Element(f"{{{WSA}}}MessageID")
    header.text = call.message_id
    tree = _for_zeep(call.arguments)
    try:
        found = client.service[call.operation](**tree, _soapheaders=[header] if call.message_id else None)
    except zeep.exceptions.Fault as fault:
        return Outcome(None, fault.message, _generic(fault.detail))
    return Outcome(zeep.helpers.serialize_object(found, dict))


def _for_zeep(value: Any) -> Any:
    if value is None:
        return zeep.xsd.Nil
    if not isinstance(value, Mapping):
        return value
    return {"_value_1" if name == "#text" else name.lstrip("@"): _for_zeep(inner) for name, inner in value.items()}


def _generic(node: Any) -> Any:
    """An element as a tree of local names."""
    if node is None or not len(node):
        return None if node is None else node.text
    tree: dict[str, Any] = {}
    for child in node:
        tree.setdefault(etree.QName(child).localname, []).append(_generic(child))
    return {name: found if len(found) > 1 else found[0] for name, found in tree.items()}


class _Received(suds.plugin.MessagePlugin):
    raw = ""

    def received(self, context: Any) -> None:
        self.raw = context.reply.decode()


def with_suds(service: Service, version: str, calls: Sequence[Call]) -> list[Outcome]:
    transport = suds.transport.http.HttpAuthenticated(username=service.user, password=service.password)
    seen = _Received()
    bare = {"unwrap": False} if service.style == "bare" else {}
    client = suds.client.Client(service.wsdl, transport=transport, cache=None, plugins=[seen], **bare)
    if service.port:
        client.set_options(port=service.port)
    return [_suds_call(client, seen, call) for call in calls]


def _suds_call(client: Any, seen: _Received, call: Call) -> Outcome:
    header = suds.sax.element.Element("MessageID", ns=("wsa", WSA)).setText(call.message_id)
    client.set_options(soapheaders=[header] if call.message_id else ())
    operation = getattr(client.service, call.operation)
    tree = {name: _for_suds(value) for name, value in call.arguments.items()}
    try:
        found = operation(**tree) if client.options.unwrap else operation(_for_suds(call.arguments))
    except suds.WebFault as fault:
        return Outcome(None, str(fault.fault.faultstring), _suds_tree(getattr(fault.fault, "detail", None)), seen.raw)
    return Outcome(_suds_tree(found), raw=seen.raw)


def _for_suds(value: Any) -> Any:
    if value is None:
        return suds.null()
    if not isinstance(value, Mapping):
        return value
    made = Factory.property("value", value["#text"]) if "#text" in value else Factory.object("value")
    for name, inner in value.items():
        if name != "#text":
            setattr(made, name.replace("@", "_"), _for_suds(inner))
    return made


def _suds_tree(found: Any) -> Any:
    if isinstance(found, list):
        return [_suds_tree(one) for one in found]
    if not hasattr(found, "__keylist__"):
        return found
    return {name.removeprefix("_"): _suds_tree(value) for name, value in suds.client.Client.items(found)}


def with_program(*command: str, **environment: str) -> Client:
    """A client that is a program: the calls go in, and what came of them comes out, as JSON."""

    def run(service: Service, version: str, calls: Sequence[Call]) -> list[Outcome]:
        asked = service._asdict() | {"version": version, "calls": [call._asdict() for call in calls]}
        done = subprocess.run(
            command, input=json.dumps(asked), capture_output=True, text=True, timeout=60, env=os.environ | environment,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return [_told(one) for one in json.loads(done.stdout)]

    return run


def _told(found: Any) -> Outcome:
    fault = found.get("fault")
    if fault is None:
        return Outcome(_unfolded(found["answer"]), raw=found["raw"])
    return Outcome(None, fault["text"], _unfolded(fault["detail"]), found["raw"])


def _unfolded(value: Any) -> Any:
    """Attributes, which one of them folds away, beside the elements."""
    if isinstance(value, list):
        return [_unfolded(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    attributes = value.get("attributes", {})
    return {name: _unfolded(inner) for name, inner in {**value, **attributes}.items() if name != "attributes"}


def plain(value: Any) -> Any:
    """Values as the texts they are in XML, empty ones left out; a list of one is that one."""
    if isinstance(value, Mapping):
        kept = {name: plain(inner) for name, inner in value.items() if not name.startswith("xmlns")}
        return {name: inner for name, inner in kept.items() if inner not in (None, [], {}, "")}
    if isinstance(value, list | tuple):
        found = [plain(one) for one in value]
        return found[0] if len(found) == 1 else found
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
    if isinstance(value, date):
        return value.isoformat()
    return value if value is None else str(value)
