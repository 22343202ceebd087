<?php
// Calls with PHP's SoapClient. Reads {wsdl, version, user, password, style, calls: [{operation, arguments, message_id}]}
// from standard input, prints a list of {answer} or {fault}, each with the envelope as it came.
const WSA = 'http://www.w3.org/2005/08/addressing';

// ours: "@name" an attribute, "#text" the text beside attributes, null for nil; its own: plain names, _
function say(mixed $value): mixed
{
    if (!is_array($value)) {
        return $value;
    }
    $told = [];
    foreach ($value as $name => $inner) {
        $told[$name === '#text' ? '_' : ltrim((string) $name, '@')] = say($inner);
    }
    return $told;
}

function call(SoapClient $client, array $call, bool $rpc): array
{
    $header = $call['message_id'] ? [new SoapHeader(WSA, 'MessageID', $call['message_id'])] : null;
    $tree = say($call['arguments']);
    try {
        $answer = $client->__soapCall($call['operation'], $rpc ? array_values($tree) : [$tree], null, $header);
        $found = ['answer' => $answer];
    } catch (SoapFault $fault) {
        $found = ['fault' => ['text' => $fault->getMessage(), 'detail' => $fault->detail ?? null]];
    }
    return $found + ['raw' => $client->__getLastResponse() ?? ''];
}

$asked = json_decode(stream_get_contents(STDIN), true, 512, JSON_THROW_ON_ERROR);
$client = new SoapClient($asked['wsdl'], [
    'soap_version' => $asked['version'] === '1.2' ? SOAP_1_2 : SOAP_1_1,
    'login' => $asked['user'],
    'password' => $asked['password'],
    'cache_wsdl' => WSDL_CACHE_NONE,
    'trace' => true,
]);
$found = array_map(fn (array $call): array => call($client, $call, $asked['style'] === 'rpc'), $asked['calls']);
echo json_encode($found, JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE), "\n";
