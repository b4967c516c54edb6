package interpreters

import (
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"bellhop/gateway/lambda"
)

//go:embed runtime.mjs
var nodeRuntime []byte

// nodePackages are the parts of the SDK that most functions of a WebSocket API
// use. Lambda's runtimes since nodejs18.x have all of version 3, earlier ones
// version 2.
var nodePackages = []string{
	"@aws-sdk/client-apigatewaymanagementapi@3.1169.0", "@aws-sdk/client-dynamodb@3.1169.0", "@aws-sdk/lib-dynamodb@3.1169.0",
}

const nodePackageV2 = "aws-sdk@2.1693.0"

// node runs a function in a loop of our own.
func node(ctx context.Context, f Function, log *slog.Logger) (c lambda.Config, err error) {
	program, err := exec.LookPath("node")
	if err != nil {
		return c, fmt.Errorf("%s: function %s needs node, which is not installed", f.At, f.Name)
	}
	version, err := output(ctx, program, "--version")
	if err != nil {
		return c, err
	}
	version, _, _ = strings.Cut(strings.TrimPrefix(version, "v"), ".")
	noteVersion(f, "Node", version, log)
	packages := nodePackages
	_, wanted := split(f.Runtime)
	if n, _ := strconv.Atoi(wanted); n < 18 {
		packages = []string{nodePackageV2}
	}
	folder, err := cached("node-"+strings.ReplaceAll(packages[0], "/", "-"), log, func(folder string) error {
		_, err := output(ctx, "npm", append([]string{"install", "--silent", "--no-audit", "--no-fund", "--prefix", folder}, packages...)...)
		return err
	})
	if err != nil { // the function might bring all that it needs
		log.Warn("functions of Node have no SDK but their own", "error", err)
		if folder, err = cached("node", log, func(string) error { return nil }); err != nil {
			return c, err
		}
	}
	loop := filepath.Join(folder, "runtime.mjs")
	if err := os.WriteFile(loop, nodeRuntime, 0o600); err != nil {
		return c, err
	}
	return lambda.Config{File: program, Args: []string{loop}, Env: []string{"NODE_PATH=" + filepath.Join(folder, "node_modules")}}, nil
}
