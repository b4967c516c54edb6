// Lambda's runtime for Node: it loads the handler, then handles one event after the other. An error that nobody catches
// ends the process, as on Lambda.
import { existsSync } from "node:fs";
import { Agent, request } from "node:http";
import { register } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const env = process.env;
const agent = new Agent({ keepAlive: true });

function call(method, where, body) {
  return new Promise((resolve, reject) => {
    const r = request(`http://${env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/${where}`, { method, agent }, async (answer) => {
      let text = "";
      for await (const part of answer.setEncoding("utf8")) text += part;
      resolve({ text, headers: answer.headers });
    });
    r.on("error", reject).end(body);
  });
}

const report = (e) => JSON.stringify({ errorType: e?.name ?? typeof e, errorMessage: e?.message ?? String(e), trace: e?.stack?.split("\n") });

// A package that the function does not bring is one of the SDK's, next to this file.
register("data:text/javascript," + encodeURIComponent(`export async function resolve(name, context, next) {
  try { return await next(name, context); } catch (e) {
    if (/^[./]|:/.test(name)) throw e;
    return next(name, { ...context, parentURL: ${JSON.stringify(import.meta.url)} });
  }
}`));

// load finds FOLDER/FILE.EXPORT.
async function load() {
  const [, file, name] = path.basename(env._HANDLER).match(/^([^.]*)\.(.*)$/) ?? [];
  const base = path.join(env.LAMBDA_TASK_ROOT, path.dirname(env._HANDLER), file ?? "");
  const found = [".js", ".mjs", ".cjs"].map((end) => base + end).find(existsSync);
  if (!found) throw new Error(`there is no ${base}.js, .mjs or .cjs for the handler ${env._HANDLER}`);
  const module = await import(pathToFileURL(found));
  const handler = [module, module.default].map((m) => name.split(".").reduce((at, key) => at?.[key], m)).find((h) => typeof h === "function");
  if (!handler) throw new Error(`${found} exports no function ${name}`);
  return handler;
}

// run returns a promise's value, or what the handler passes to its callback; null if all ends without either.
const run = (handler, event, context) => new Promise((resolve, reject) => {
  const done = (error, value) => (error ? reject(error) : resolve(value));
  process.once("beforeExit", () => resolve(null));
  Object.assign(context, { done, succeed: resolve, fail: reject });
  const value = handler(event, context, done);
  if (typeof value?.then === "function") value.then(resolve, reject);
}).finally(() => process.removeAllListeners("beforeExit"));

let id = null;
process.on("uncaughtException", async (e) => {
  console.error(e);
  await call("POST", id ? `invocation/${id}/error` : "init/error", report(e));
  process.exit(1);
});
const handler = await load();
for (;;) {
  const { text, headers } = await call("GET", "invocation/next");
  id = headers["lambda-runtime-aws-request-id"];
  const context = {
    awsRequestId: id, invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"], functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: "$LATEST", memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE, callbackWaitsForEmptyEventLoop: true,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME, logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    getRemainingTimeInMillis: () => headers["lambda-runtime-deadline-ms"] - Date.now(),
  };
  try {
    await call("POST", `invocation/${id}/response`, JSON.stringify(await run(handler, JSON.parse(text), context)) ?? "null");
  } catch (e) {
    console.error(e);
    await call("POST", `invocation/${id}/error`, report(e));
  }
}
