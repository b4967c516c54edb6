#!/usr/bin/env node
// Runs the server of the package that npm installed for this system, with this command's arguments, until it ends.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { constants } from "node:os";

const name = `bellhop-server-${process.platform}-${process.arch}`;
const file = process.platform === "win32" ? "bellhop.exe" : "bellhop";

const program = find();
if (program) run(program);

/** @returns {string | undefined} the path of the program */
function find() {
  const require = createRequire(import.meta.url);
  try {
    return require.resolve(`${name}/${file}`);
  } catch {
    const { optionalDependencies = {} } = require("./package.json");
    console.error(
      name in optionalDependencies
        ? `bellhop-server: the package ${name} is missing. Install again, without --omit=optional and --no-optional.`
        : `bellhop-server: there is no package for ${process.platform} on ${process.arch}. There are:\n` +
            Object.keys(optionalDependencies).map((each) => `  ${each}\n`).join("") +
            "With Go, build it yourself: go build ./gateway in a checkout of Bellhop.",
    );
    process.exitCode = 1;
  }
}

/** @param {string} path */
function run(path) {
  const child = spawn(path, process.argv.slice(2), { stdio: "inherit" });
  child.on("error", (error) => {
    console.error(`bellhop-server: cannot run ${path}: ${error.message}`);
    process.exitCode = 1;
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    // A terminal sends Ctrl-C to both, and a second one would end the server before it has told its clients.
    process.on(signal, () => (signal === "SIGINT" && process.stdin.isTTY) || child.kill(signal));
  }
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (signal ? constants.signals[signal] : 0)));
}
