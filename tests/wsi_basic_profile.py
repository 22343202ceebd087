"""WS-I Basic Profile 1.1, every rule of it, one by one: what it asks, and how it is kept.

A rule is kept by a test, named ``module::test``; or it is not ours (``caller``: it binds what is sent to us or reads
what we send; ``their WSDL``: the legacy system's description, which is served as it is; ``UDDI``); or it only allows
something (``allows``); or it is departed from, because of what is said behind ``departed:``. In the profile's order.
"""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    number: str
    asks: str
    kept: str


CALLER, THEIRS, UDDI, ALLOWS = "not ours: caller", "not ours: their WSDL", "not ours: UDDI", "allows"
MADE = "test_soap_basic_profile::test_what_we_write_is_an_envelope_without_anything_the_profile_forbids"
FAULTS = "test_soap_basic_profile::test_a_fault_has_no_other_parts_and_codes_than_soap_gives_it"
READ = "test_soap_basic_profile::test_faults_of_others_are_read_with_whatever_their_detail_holds"
ORDER = "test_soap_basic_profile::test_version_then_mandatory_headers_then_the_rest_is_checked"
ACTION = "test_soap_protocol::test_another_action_than_that_of_the_binding_is_refused"
RPC = "test_soap_basic_profile::test_an_rpc_answer_has_its_wrapper_its_bare_accessors_and_qualified_contents"
SERVED = "test_soap_basic_profile::test_the_wsdl_is_served_as_xml_1_0_in_utf_8_with_its_sections_in_order"
REFUSED = "test_soap_envelope::test_what_is_no_message_is_refused_at_its_first_fault"
UNSERVED = "test_soap_wsdl::test_what_cannot_be_served_is_told_with_file_and_line"
CODES = "test_soap_faults::test_codes_and_statuses_are_those_of_the_version"
STYLES = "test_soap_peers::test_every_style_of_wsdl_is_called_by_every_client_that_knows_it"
DECISIONS = "test_soap_peers::test_every_client_gets_the_decision_rest_gives_to_the_last_digit"
HEADERS = "test_soap_envelope::test_headers_for_others_and_those_of_addressing_bind_nobody_here"
BROKEN = "test_soap_basic_profile::test_a_wsdl_that_breaks_a_rule_is_refused"
FAULTY = "test_soap_basic_profile::test_a_declared_fault_that_breaks_a_rule_is_refused"
DECLARED = "test_soap_peers::test_a_refusal_is_the_fault_the_wsdl_declares"
PUBLIC = "test_soap_clients::test_the_wsdl_names_the_public_address_whatever_the_request_says_of_its_host"
OPERATIONS = "test_soap_wsdl::test_the_operations_of_a_wsdl_are_read"

RULES = [Rule(*row) for row in [
    # 3 Messaging
    ("R9980", "an envelope is built as SOAP 1.1 says", MADE),
    ("R9981", "a body holds one element or none", REFUSED),
    ("R1015", "a root that is no Envelope is answered with a fault", REFUSED),
    ("R1014", "what stands in the body has a namespace", MADE),
    ("R1008", "no document type declaration", REFUSED),
    ("R1009", "no processing instructions", REFUSED),
    ("R1033", "the prefix xml is not declared in an envelope", MADE),
    ("R1034", "nor in a description", SERVED),
    ("R1011", "nothing follows the body", REFUSED),
    ("R1005", "no encodingStyle on SOAP's own elements", MADE),
    ("R1006", "nor on what stands in the body", REFUSED),
    ("R1007", "nor, in rpc, one level below", RPC),
    ("R1013", "mustUnderstand is written 0 or 1", ORDER),
    ("R1017", "xsi:type is not asked for", DECISIONS),
    ("R1032", "no SOAP attributes on Envelope, Header and Body", MADE),
    ("R1025", "mandatory headers are checked before anything is done", ORDER),
    ("R1027", "one that is not understood gives MustUnderstand", ORDER),
    ("R1028", "after a fault nothing more is done", DECLARED),
    ("R1029", "a fault is sent in place of the answer", DECLARED),
    ("R1030", "whoever asked is told of the fault", DECLARED),
    ("R1107", "a body whose one element is a Fault is a fault", READ),
    ("R1000", "a Fault has code, string, actor and detail, nothing else", FAULTS),
    ("R1001", "and these have no namespace", FAULTS),
    ("R1002", "any elements in a detail are taken", READ),
    ("R1003", "any attributes of a detail are taken", READ),
    ("R1016", "a language of the fault's text is taken", READ),
    ("R1004", "the code is one of SOAP's", FAULTS),
    ("R1031", "without a dot and a refinement", FAULTS),
    ("R1141", "HTTP 1.1 or 1.0 is spoken", STYLES),
    ("R1140", "better 1.1", STYLES),
    ("R1132", "a request is a POST", CODES),
    ("R1108", "the HTTP Extension Framework is not used", CALLER),
    ("R1109", "SOAPAction is quoted", CALLER),
    ("R1119", "one that is not quoted may be refused", ALLOWS),
    ("R1127", "what SOAPAction says is not relied upon",
     "departed: the body alone names the operation, but an action that contradicts it is refused (R2744)"),
    ("R1124", "success has a status of 2xx", STYLES),
    ("R1111", "an answer that is no fault has 200", STYLES),
    ("R1112", "an answer without envelope has 200 or 202", STYLES),
    ("R1130", "a redirection is 307", "departed: nothing here is redirected"),
    ("R1131", "a caller may follow it", CALLER),
    ("R1125", "a request that is wrong as HTTP has a status of 4xx", CODES),
    ("R1113", "one that cannot be read has 400", "test_http_server::test_what_is_not_http_is_refused"),
    ("R1114", "another method than POST has 405", CODES),
    ("R1115", "another media type has 415", CODES),
    ("R1126", "a Fault has 500",
     "departed: where HTTP refuses (401, 403, 405, 408, 413, 415, 429, 431) its status stays, and a Fault says why"),
    ("R1120", "cookies may be used", ALLOWS),
    ("R1122", "then as RFC 2965 says", "departed: no cookie is set"),
    ("R1121", "callers need not support them", STYLES),
    ("R1123", "callers do not look into them", CALLER),
    # 4 Service description
    ("R0001", "the WSDL is there for those who may call", PUBLIC),
    ("R2028", "it is valid as WSDL", THEIRS),
    ("R2029", "its SOAP binding is valid", THEIRS),
    ("R2001", "wsdl:import leads to a WSDL", THEIRS),
    ("R2803", "its namespace is no relative URI", THEIRS),
    ("R2002", "schemas are imported by xs:import", THEIRS),
    ("R2003", "which stands within a schema of types", THEIRS),
    ("R2004", "and leads to a schema", THEIRS),
    ("R2009", "a schema may have a byte order mark", ALLOWS),
    ("R2010", "a schema is in UTF-8 or UTF-16", SERVED),
    ("R2011", "and in XML 1.0", SERVED),
    ("R2007", "wsdl:import has a location", STYLES),
    ("R2008", "a caller need not fetch it", CALLER),
    ("R2022", "imports come first", SERVED),
    ("R2023", "types come next", SERVED),
    ("R4004", "a WSDL is in XML 1.0", SERVED),
    ("R4005", "and does not declare the prefix xml", SERVED),
    ("R4002", "it may have a byte order mark", ALLOWS),
    ("R4003", "it is in UTF-8 or UTF-16", SERVED),
    ("R2005", "what is imported has the namespace the import says", THEIRS),
    ("R2030", "documentation may stand in more places", ALLOWS),
    ("R2025", "extensions contradict nothing of the profile", THEIRS),
    ("R2026", "no extension is required", THEIRS),
    ("R2027", "a caller fails at a required one it does not know", CALLER),
    ("R2101", "names lead to what is defined or imported", UNSERVED),
    ("R2102", "so do names of schema parts", UNSERVED),
    ("R2105", "a schema has a target namespace unless it only imports", THEIRS),
    ("R2110", "nothing is derived of soapenc:Array", THEIRS),
    ("R2111", "wsdl:arrayType is not used", THEIRS),
    ("R2112", "no element is named ArrayOf", THEIRS),
    ("R2113", "no envelope has soapenc:arrayType", MADE),
    ("R2114", "WSDL and schema may share a namespace", ALLOWS),
    ("R2201", "a document body has one part at most", BROKEN),
    ("R2209", "every part is bound to something", THEIRS),
    ("R2210", "without parts= its message has one part at most", BROKEN),
    ("R2202", "a body may have no part", ALLOWS),
    ("R2203", "parts of an rpc body name types", BROKEN),
    ("R2211", "no accessor is nil", RPC),
    ("R2207", "parts that name elements may stand beside an rpc body", ALLOWS),
    ("R2204", "parts of a document body name elements", UNSERVED),
    ("R2208", "headers may use parts of the body's message", ALLOWS),
    ("R2212", "every part of an rpc body is there once", RPC),
    ("R2213", "parts=\"\" means an empty body", THEIRS),
    ("R2214", "in rpc, one without accessors", THEIRS),
    ("R2205", "headers and faults name elements", FAULTY),
    ("R2206", "which are global ones", BROKEN),
    ("R2301", "accessors come in the order of the parts", RPC),
    ("R2302", "parameterOrder may be written", ALLOWS),
    ("R2303", "no operations that the service begins", BROKEN),
    ("R2304", "operations of a port type differ in name", THEIRS),
    ("R2305", "parameterOrder leaves out one part at most", THEIRS),
    ("R2306", "no part names both element and type", BROKEN),
    ("R2401", "a binding is one of SOAP", BROKEN),
    ("R2701", "it says its transport", THEIRS),
    ("R2702", "which is HTTP", UNSERVED),
    ("R2705", "it is rpc-literal or document-literal", UNSERVED),
    ("R2706", "use is literal everywhere", UNSERVED),
    ("R2709", "a port type may have any number of bindings", ALLOWS),
    ("R2710", "operations differ in what is sent", BROKEN),
    ("R2711", "each port has an address of its own",
     "departed: both versions are answered at one address, so ports of one WSDL share it"),
    ("R2712", "a document body holds the element its part names", STYLES),
    ("R2714", "a one-way operation is answered without a body", STYLES),
    ("R2750", "a caller ignores one it gets", CALLER),
    ("R2727", "and takes 2xx for no promise", CALLER),
    ("R2716", "no namespace= in document bindings", THEIRS),
    ("R2717", "an rpc body has an absolute namespace=", UNSERVED),
    ("R2726", "its headers and faults have none", THEIRS),
    ("R2718", "a binding has all operations of its port type", THEIRS),
    ("R2719", "without header faults there need be none", ALLOWS),
    ("R2740", "every known fault is described", THEIRS),
    ("R2741", "so is every known header fault", THEIRS),
    ("R2742", "a detail that is not described may be sent", ALLOWS),
    ("R2743", "so may faults about headers", ALLOWS),
    ("R2720", "a header names one part", THEIRS),
    ("R2749", "by part, not parts", THEIRS),
    ("R2721", "soap:fault has a name", THEIRS),
    ("R2754", "which is that of the fault around it", THEIRS),
    ("R2722", "it may say use", ALLOWS),
    ("R2723", "and then literal", FAULTY),
    ("R2707", "without use, literal is meant", OPERATIONS),
    ("R2724", "what is not as described is answered with Client", CODES),
    ("R2725", "VersionMismatch, MustUnderstand, Client are checked in this order", ORDER),
    ("R2729", "an rpc answer's wrapper is named after its operation, and Response", RPC),
    ("R2735", "accessors have no namespace", RPC),
    ("R2755", "and the names of their parts", RPC),
    ("R2737", "below them the schema says the namespace", RPC),
    ("R2738", "described headers are there",
     "departed: of those a WSDL describes an answer carries what is mapped; lint wants what says wsdl:required"),
    ("R2739", "other headers may be there", ALLOWS),
    ("R2753", "and may be mandatory", ALLOWS),
    ("R2751", "headers come in any order", HEADERS),
    ("R2752", "and more than once", ALLOWS),
    ("R2744", "SOAPAction is what the WSDL says", ACTION),
    ("R2745", "or is empty", CALLER),
    ("R2747", "a caller understands all of WSDL's SOAP binding", CALLER),
    ("R2748", "and takes nothing of it for optional", CALLER),
    ("R2800", "all of XML Schema 1.0 may be used", ALLOWS),
    ("R2801", "types are XML Schema 1.0", UNSERVED),
    # 5 Publication and discovery
    ("R3100", "a binding template has an access point", UDDI),
    ("R3002", "a tModel describes by WSDL", UDDI),
    ("R3003", "and is marked as such", UDDI),
    ("R3010", "and follows the best practice", UDDI),
    ("R3011", "its binding conforms", UDDI),
    # 6 Security
    ("R5000", "HTTPS may be required", ALLOWS),
    ("R5001", "then the address says https, else http", PUBLIC),
    ("R5010", "certificates of callers may be required", ALLOWS),
]]  # fmt: skip
