package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

const emulateUsage = `API Gateway on one machine, for any WebSocket API with Lambda functions. It reads
the API from a SAM or CloudFormation template. The functions need no change.

Functions for provided.al2023 (Go, Rust, ...), Python and Node run in processes
of this machine, and again when their code has changed:

  sam build
  gateway emulate

Functions of any runtime run in containers of sam local:

  sam build && sam local start-lambda --warm-containers EAGER
  gateway emulate -functions http://127.0.0.1:3001

Clients connect to ws://127.0.0.1:3000/STAGE. At the start the program lists the
routes, and warns of everything in the template that it does not do.
Functions in processes find @connections at its address on AWS.

Flags:
`

// parseEmulate reads the arguments of gateway emulate.
func parseEmulate(args []string, stderr io.Writer) (o options, err error) {
	f := flag.NewFlagSet("gateway emulate", flag.ContinueOnError)
	f.SetOutput(stderr)
	o.sharedFlags(f)
	functions := f.String("functions", ".aws-sam/build", "`path` of the folder that sam build makes, or of one bootstrap; or the url of sam local start-lambda, which\n"+
		"runs functions of any runtime, such as http://127.0.0.1:3001")
	f.StringVar(&o.dynamodb, "dynamodb-endpoint", "", "`url` of a DynamoDB on this machine, which functions in processes reach by its name on AWS, such as\n"+
		"http://127.0.0.1:8000")
	f.BoolVar(&o.tunnel, "tunnel", false, "let functions in processes reach other hosts by https, such as AWS itself; without it they reach only this machine")
	f.Func("env-vars", "`file` of variables for functions in processes, in the format of sam local: {\"FUNCTION\": {\"NAME\": \"VALUE\"}}, with\n"+
		"Parameters as FUNCTION for all", o.readVariables)
	f.StringVar(&o.template, "template", "template.yaml", "`file` of the SAM or CloudFormation template")
	f.StringVar(&o.api, "api", "", "logical `id` of the API, if the template has several")
	f.Func("parameter", "`NAME=VALUE` of a parameter of the template; can be given several times", o.setParameter)
	f.StringVar(&o.stage, "stage", "", "`name` of the stage, which is also a path that clients can connect to; the default is the template's")
	f.Usage = func() {
		fmt.Fprint(stderr, emulateUsage)
		f.PrintDefaults()
	}
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if strings.Contains(*functions, "://") {
		o.lambda = *functions
	} else {
		o.bootstrap = *functions
	}
	switch {
	case *functions == "":
		err = errors.New("-functions needs a path or a url")
	case o.lambda != "" && !isOrigin(o.lambda):
		err = fmt.Errorf("-functions %q is not a URL such as http://127.0.0.1:3001", o.lambda)
	case o.dynamodb != "" && !isOrigin(o.dynamodb):
		err = fmt.Errorf("-dynamodb-endpoint %q is not a URL such as http://127.0.0.1:8000", o.dynamodb)
	case o.stage != "" && !stagePattern.MatchString(o.stage):
		err = errStage
	}
	return o, errors.Join(err, o.checkShared(f))
}

func (i *integration) setParameter(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return errors.New("give NAME=VALUE")
	}
	if i.parameters == nil {
		i.parameters = map[string]string{}
	}
	i.parameters[name] = value
	return nil
}

func (i *integration) readVariables(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("cannot read -env-vars: %w", err)
	}
	if json.Unmarshal(data, &i.variables) != nil {
		return errors.New(`cannot read -env-vars: it must be JSON of the form {"FUNCTION": {"NAME": "VALUE"}}`)
	}
	return nil
}

// checkMoved returns an error for flags that moved to another command. For
// flags of gateway emulate it shows the arguments in their new spelling.
func checkMoved(args []string) error {
	moved := ""
	renamed := []string{"gateway emulate"}
	for _, arg := range args {
		name, value, hasValue := strings.Cut(arg, "=")
		name = "-" + strings.TrimLeft(name, "-")
		switch isFlag := strings.HasPrefix(arg, "-"); {
		case isFlag && name == "-record":
			return errors.New("-record is a program of its own; write: go run ./internal/record FILE")
		case isFlag && slices.Contains([]string{"-template", "-api", "-parameter"}, name):
			moved = name
		case isFlag && (name == "-bootstrap" || name == "-lambda"):
			arg = "-functions"
			if hasValue {
				arg += "=" + value
			}
		}
		renamed = append(renamed, arg)
	}
	if moved == "" {
		return nil
	}
	return fmt.Errorf("%s is a flag of gateway emulate; write: %s", moved, strings.Join(renamed, " "))
}
