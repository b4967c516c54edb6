// Loaded into Node before a function's code: Node's SDKs know no HTTPS_PROXY, so connections to AWS's names are made to
// this machine here. The name stays, in TLS and in the request.
import tls from "node:tls";
import { syncBuiltinESMExports } from "node:module";

const connect = tls.connect;
tls.connect = function (options, ...rest) {
  const name = options?.servername || options?.host;
  if (/HOSTS/.test(name)) options = { ...options, servername: name, host: "127.0.0.1", port: PORT };
  return connect.call(this, options, ...rest);
};
syncBuiltinESMExports();
