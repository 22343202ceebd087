"""WS-Addressing 1.0 and its submission of August 2004: where an answer is to go, and what it says of what it answers.

An answer goes back on the connection its message came on, so every address for it must be the anonymous one. What is
wrong in these headers is told by the fault codes of WS-Addressing itself (1.0 SOAP binding, 6.4; 2004/08, section 4).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from adapters.soap.names import NIL, WSA, Node, local, split
from adapters.soap.values import escaped
from contracts.errors import MalformedPayload

ONCE: Final = ("MessageID", "To", "Action", "From", "ReplyTo", "FaultTo")
NAMES: Final = (*ONCE, "RelatesTo")
ANONYMOUS: Final = (f"{WSA[0]}/anonymous", f"{WSA[1]}/role/anonymous")
_INVALID: Final = ("InvalidAddressingHeader", "InvalidMessageInformationHeader")
CODES: Final[Mapping[str, str]] = {
    "repeated_header": "InvalidCardinality",
    "only_anonymous_address": "OnlyAnonymousAddressSupported",
    "action_mismatch": "ActionMismatch",
}
"""The finer code of WS-Addressing 1.0 by ``detail_code``; that of 2004/08 has none."""
_METADATA: Final = (
    "http://www.w3.org/2007/05/addressing/metadata", "http://www.w3.org/2006/05/addressing/wsdl", *WSA,
)  # fmt: skip


class Addressing(NamedTuple):
    """The headers as texts, an endpoint reference as its Address; ``namespace`` is empty where there are none.

    ``repeated`` names one that came twice and must not.
    """

    namespace: str
    values: Mapping[str, str]
    repeated: str = ""


NOTHING: Final = Addressing("", {})
"""What a message without header blocks says."""


def is_addressing(name: str) -> bool:
    """Whether a header block of this qualified name is one that is understood here."""
    space, simple = split(name)
    return space in WSA and simple in NAMES


def read(blocks: Sequence[Node]) -> Addressing:
    """What the header blocks meant for us say; nothing is checked yet, so that a refusal can name what it refuses."""
    found: dict[str, str] = {}
    wsa = repeated = ""
    for block in blocks:
        if is_addressing(block.tag):
            space, name = split(block.tag)
            wsa = wsa or space
            node = block if not len(block) else block.find(f"{{{space}}}Address")
            if name in found and name in ONCE:
                repeated = repeated or name
            elif node is not None and node.get(NIL) is None:
                found[name] = (node.text or "").strip()
    return Addressing(wsa, found, repeated)


def check(said: Addressing, http_action: str) -> None:
    """Raise MalformedPayload for headers that contradict each other or HTTP, or send the answer elsewhere.

    ``http_action`` is what the transport says of the action, empty if nothing (1.0 SOAP binding, 2.4 and 5.1).
    """
    if said.repeated:
        raise _wrong(said, said.repeated, "repeated_header", "is sent twice")
    for name in ("ReplyTo", "FaultTo"):
        if said.values.get(name, ANONYMOUS[0]) not in ANONYMOUS:
            told = "names an address; answers go back on the connection alone, which is the anonymous address"
            raise _wrong(said, name, "only_anonymous_address", told)
    if http_action and said.values.get("Action", http_action) != http_action:
        raise _wrong(said, "Action", "action_mismatch", "is another action than that of HTTP")


def _wrong(said: Addressing, name: str, code: str, told: str) -> MalformedPayload:
    path = f"/soap:Header/{{{said.namespace}}}{name}"
    return MalformedPayload(f"the header {name} of WS-Addressing {told}", code=code, path=path)


def answer_headers(said: Addressing, action: str) -> str:
    """The headers of an answer: its action, and which message it relates to (WS-Addressing 1.0 core, 3.4)."""
    asked = said.values.get("MessageID")
    if not said.namespace or not asked:
        return ""
    return "".join(_blocks(said.namespace, (("Action", action), ("RelatesTo", asked))))


def fault_action(said: Addressing, code: str, declared: str) -> str:
    """The action of a Fault: that of the fault declared in the WSDL, else one of the predefined (SOAP binding, 6)."""
    if declared:
        return declared
    own = code in CODES or said.namespace != WSA[0]
    return f"{said.namespace}/fault" if own else f"{said.namespace}/soap/fault"


def fault_codes(error: MalformedPayload) -> tuple[str, list[str]]:
    """Namespace and codes, the coarser one first, of a refusal for these headers."""
    space = error.path.partition("{")[2].partition("}")[0]
    return space, [_INVALID[0], CODES[error.detail_code]] if space == WSA[0] else [_INVALID[1]]


def problem_header(error: MalformedPayload) -> str:
    """Which header it is, as 1.0 has a Fault name it: in the detail of SOAP 1.2, in a header of SOAP 1.1."""
    space, name = split(error.path.removeprefix("/soap:Header/"))
    if space != WSA[0]:
        return ""
    return f'<wsa:ProblemHeaderQName xmlns:wsa="{space}">wsa:{name}</wsa:ProblemHeaderQName>'


def declared_action(space: str, port_type: Node, operation: Node, node: Node) -> str:
    """The action of an output or fault: as the WSDL says, else by the default pattern (1.0 metadata, 4.4.4)."""
    for metadata in _METADATA:
        if node.get(f"{{{metadata}}}Action"):
            return str(node.get(f"{{{metadata}}}Action"))
    between = ":" if space.lower().startswith("urn:") else "/"
    name, own = operation.get("name", ""), node.get("name")
    last = [name, "Fault", own or ""] if local(node.tag) == "fault" else [own or f"{name}Response"]
    return between.join([space.removesuffix(between), port_type.get("name", ""), *last])


def _blocks(wsa: str, values: Sequence[tuple[str, str]]) -> Iterator[str]:
    for name, value in values:
        if value:
            yield f'<wsa:{name} xmlns:wsa="{wsa}">{escaped(value)}</wsa:{name}>'
