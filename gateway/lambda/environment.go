package lambda

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// account is the account number of AWS's documentation, which belongs to
// nobody.
const account = "123456789012"

// environment returns the environment of a process (developer guide, "Defined
// runtime environment variables"). Variables that Lambda reserves override Env;
// Env overrides the rest.
func (b *Bootstrap) environment(api string) []string {
	env := []string{"TZ=:UTC", "LANG=en_US.UTF-8", "PATH=/usr/local/bin:/usr/bin/:/bin:/opt/bin"}
	if b.lookup("AWS_ACCESS_KEY_ID") == "" {
		env = append(env, "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local")
	}
	env = append(env, b.Env...)
	return append(env,
		"AWS_REGION="+b.region(),
		"AWS_DEFAULT_REGION="+b.region(),
		"AWS_LAMBDA_FUNCTION_NAME="+b.Name,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/"+b.Name,
		fmt.Sprintf("AWS_LAMBDA_LOG_STREAM_NAME=%s/[$LATEST]%016x%016x", time.Now().UTC().Format("2006/01/02"), rand.Uint64(), rand.Uint64()),
		"AWS_LAMBDA_RUNTIME_API="+api,
		"LAMBDA_TASK_ROOT="+b.Folder,
		"LAMBDA_RUNTIME_DIR="+b.Folder,
		"PWD="+b.Folder,
		"_HANDLER="+cmp.Or(b.Handler, "bootstrap"),
	)
}

// region is the function's Region: that of Env, in either spelling.
func (b *Bootstrap) region() string {
	return cmp.Or(b.lookup("AWS_REGION"), b.lookup("AWS_DEFAULT_REGION"), "us-east-1")
}

// lookup returns a variable of Env. The last one with its name counts.
func (b *Bootstrap) lookup(key string) string {
	for _, variable := range slices.Backward(b.Env) {
		if name, value, _ := strings.Cut(variable, "="); name == key {
			return value
		}
	}
	return ""
}
