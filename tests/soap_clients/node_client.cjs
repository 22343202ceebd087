// Calls with the npm package "soap". Reads {wsdl, version, user, password, calls: [{operation, arguments, message_id}]}
// from standard input, prints a list of {answer} or {fault}, each with the envelope as it came.
const { createRequire } = require("node:module");
const soap = createRequire(process.env.NODE_PATH + "/")("soap");
const WSA = "http://www.w3.org/2005/08/addressing";

// ours: "@name" an attribute, "#text" the text beside attributes, null for nil; its own: attributes, $value
function say(value) {
  if (value === null) return { attributes: { "xsi:nil": "true" } };
  if (typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(say);
  const told = {}, attributes = {};
  for (const [name, inner] of Object.entries(value)) {
    if (name.startsWith("@")) attributes[name.slice(1)] = inner;
    else told[name === "#text" ? "$value" : name] = say(inner);
  }
  if (Object.keys(attributes).length) told.attributes = attributes;
  return told;
}

async function call(client, { operation, arguments: tree, message_id: id }) {
  client.clearSoapHeaders();
  if (id) client.addSoapHeader(`<wsa:MessageID xmlns:wsa="${WSA}">${id}</wsa:MessageID>`);
  try {
    const [answer, raw] = await client[operation + "Async"](say(tree));
    return { answer: answer ?? null, raw: raw ?? "" };
  } catch (error) {
    if (!error.root) throw error;
    const fault = error.root.Envelope.Body.Fault;
    const text = fault.faultstring ?? fault.Reason.Text.$value;
    return { fault: { text, detail: fault.detail ?? fault.Detail ?? null }, raw: error.body };
  }
}

async function main(asked) {
  const basic = new soap.BasicAuthSecurity(asked.user, asked.password);
  const headers = {};
  basic.addHeaders(headers);
  const client = await soap.createClientAsync(asked.wsdl, {
    forceSoap12Headers: asked.version === "1.2", wsdl_headers: headers,
  });
  client.setSecurity(basic);
  const found = [];
  for (const one of asked.calls) found.push(await call(client, one));
  return found;
}

let text = "";
process.stdin.on("data", (part) => { text += part; }).on("end", () => {
  main(JSON.parse(text)).then((found) => console.log(JSON.stringify(found))).catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
});
