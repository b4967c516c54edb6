// Package stack reads a WebSocket API from a SAM or CloudFormation template:
// its routes, and the functions behind them. Call Read.
//
// It reads AWS::Serverless::WebSocketApi, and AWS::ApiGatewayV2::Api with its
// Route, Integration, RouteResponse and Stage. It warns of everything that it
// does not support.
package stack

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"bellhop/gateway/apigateway"
)

// APIID is the value of !Ref of the API: package apigateway's default id of an
// API.
const APIID = "local"

// A Stack is a WebSocket API with its routes and functions.
type Stack struct {
	API            string // its logical id
	Selection      apigateway.Selection
	Host           string // of the deployed API
	Stage          string
	StageVariables map[string]string
	Routes         map[string]Route     // by route key
	Authorizer     *Authorizer          // nil: $connect alone decides
	Functions      map[string]*Function // by logical id; only functions of routes and of Authorizer
	Warnings       []string             // unsupported parts of the template, each with its line
}

// A Route is the treatment of messages with its key.
type Route struct {
	Function string        // its logical id, or empty without a function
	Mock     bool          // every message is answered 200, without a function
	Timeout  time.Duration // of the integration; 0 means API Gateway's own, 29 s
	Answers  bool          // it has a route response: the client gets the function's body
}

// An Authorizer is a function that decides who can connect.
type Authorizer struct {
	Function string   // its logical id
	Sources  []string // identity sources
	ARN      string   // of the route $connect
}

// A Function is a template's description of a Lambda function.
type Function struct {
	ID          string // its logical id
	Runtime     string // such as provided.al2023; empty for a container image
	Handler     string
	Folder      string            // of its code, from the template's; empty if the template names none
	Inline      string            // its code, if that is in the template
	Timeout     time.Duration     // 3 s by default, as on AWS
	Environment map[string]string // variables whose values the template alone determines
	Unknown     map[string]string // the other variables, as the template writes them, for example !Ref Table
	At          string            // FILE:LINE
}

// Options are the values that a template leaves open.
type Options struct {
	API        string            // logical id of the API, needed if the template has several
	Stage      string            // name of the stage, overrides the template's
	Region     string            // for AWS::Region; us-east-1 if empty
	Parameters map[string]string // values of parameters, override their defaults
}

// Host returns the name by which the deployed API would be reached.
func (o Options) Host() string { return APIID + ".execute-api." + o.Region + ".amazonaws.com" }

// maxFile is the longest template, in bytes: CloudFormation takes 1 MB ("AWS
// CloudFormation quotas").
const maxFile = 1 << 20

// Read reads a template. Its errors name the line and say what to do.
func Read(file string, o Options) (*Stack, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read the template: %w; -template needs the file that sam deploy takes", err)
	}
	return parse(filepath.Base(file), data, o)
}

func parse(file string, data []byte, o Options) (*Stack, error) {
	o.Region = cmp.Or(o.Region, "us-east-1")
	t := &template{file: file, Options: o, budget: maxSteps}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is over 1 MB, which CloudFormation would not take for a template", file)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, fmt.Errorf("%s is not YAML: %w", file, err)
	}
	if document.Kind != yaml.DocumentNode || document.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s is no template: it must have Resources, of which one is an AWS::Serverless::WebSocketApi", file)
	}
	t.root = document.Content[0]
	s, err := t.stack()
	if t.budget < 0 {
		return nil, fmt.Errorf("%s refers to itself too often to be understood; look for a !Ref, !Condition or alias in a circle", file)
	}
	return s, err
}

// stack finds the API and its parts.
func (t *template) stack() (*Stack, error) {
	if err := t.readResources(); err != nil {
		return nil, err
	}
	api, err := t.api()
	if err != nil {
		return nil, err
	}
	t.chosen = api.id
	s := &Stack{API: api.id, Host: t.Host(), Routes: map[string]Route{}, Functions: map[string]*Function{}}
	b := &builder{template: t, Stack: s, api: api, responses: t.routeResponses()}
	if err := b.build(); err != nil {
		return nil, err
	}
	t.naming = true
	routes := maps.Clone(s.Routes)
	if s.Authorizer != nil {
		s.Authorizer.ARN = fmt.Sprintf("arn:aws:execute-api:%s:%s:%s/%s/$connect", t.Region, pseudo["AWS::AccountId"], APIID, s.Stage)
		routes["of the authorizer"] = Route{Function: s.Authorizer.Function}
	}
	for key, r := range routes {
		if r.Function == "" || s.Functions[r.Function] != nil {
			continue
		}
		if s.Functions[r.Function], err = t.function(t.byID(r.Function)); err != nil {
			return nil, fmt.Errorf("route %s: %w", key, err)
		}
	}
	slices.SortStableFunc(t.warnings, func(a, b warning) int { return a.line - b.line })
	for _, w := range t.warnings {
		s.Warnings = append(s.Warnings, fmt.Sprintf("%s:%d: %s", t.file, w.line, w.text))
	}
	return s, nil
}

// api returns the resource that is the WebSocket API.
func (t *template) api() (resource, error) {
	var found []resource
	for _, r := range t.resources {
		isHTTP := r.kind == "AWS::ApiGatewayV2::Api" && t.text(r.property("ProtocolType")) != "WEBSOCKET"
		if (r.kind == samAPI || r.kind == "AWS::ApiGatewayV2::Api") && !isHTTP && (t.API == "" || t.API == r.id) {
			found = append(found, r)
		}
	}
	switch {
	case len(found) == 0 && t.API != "":
		return resource{}, fmt.Errorf("%s has no WebSocket API %s; -api takes the logical id of one", t.file, t.API)
	case len(found) == 0:
		return resource{}, fmt.Errorf("%s has no WebSocket API: neither an AWS::Serverless::WebSocketApi nor an AWS::ApiGatewayV2::Api with ProtocolType WEBSOCKET%s", t.file, t.nested())
	case len(found) > 1:
		return resource{}, t.errorf(found[1].at, "%s is a second WebSocket API beside %s; say which is meant: -api %s", found[1].id, found[0].id, found[0].id)
	}
	return found[0], nil
}

// nested names the templates of nested stacks, which might have the API.
func (t *template) nested() string {
	var files []string
	for _, r := range t.resources {
		if file := cmp.Or(t.text(r.property("TemplateURL")), t.text(r.property("Location"))); file != "" {
			files = append(files, "-template "+filepath.Clean(file))
		}
	}
	if files == nil {
		return ""
	}
	return "; nested stacks are templates of their own: " + strings.Join(files, " or ")
}

// function reads a function, with the Globals for functions.
func (t *template) function(r resource) (*Function, error) {
	f := &Function{ID: r.id, Timeout: 3 * time.Second, Environment: map[string]string{}, Unknown: map[string]string{},
		At: fmt.Sprintf("%s:%d", t.file, r.at.Line)}
	f.Runtime, f.Handler = t.text(r.property("Runtime")), t.text(r.property("Handler"))
	f.Inline = cmp.Or(t.text(r.property("InlineCode")), t.text(t.get(r.property("Code"), "ZipFile")))
	f.Folder = cmp.Or(t.text(r.property("CodeUri")), t.text(r.property("Code")), t.text(t.get(r.metadata, "aws:asset:path"))) // the last is CDK's
	if strings.Contains(f.Folder, "://") {
		f.Folder = ""
	}
	if n := r.property("Timeout"); n != nil {
		seconds, err := strconv.Atoi(t.text(n))
		if err != nil || seconds < 1 || seconds > 900 {
			return nil, t.errorf(n, "Timeout of %s is not a number of seconds from 1 to 900; if it is a parameter without a default, give -parameter", r.id)
		}
		f.Timeout = time.Duration(seconds) * time.Second
	}
	if n := r.property("Layers"); n != nil {
		t.warn(n, "%s has Layers, which only sam local brings along", r.id)
	}
	for _, section := range []*yaml.Node{t.get(r.globals, "Environment", "Variables"), t.get(r.properties, "Environment", "Variables")} {
		for _, m := range t.members(section) {
			delete(f.Environment, m.key.Value)
			delete(f.Unknown, m.key.Value)
			if value, ok := t.scalar(m.value); ok {
				f.Environment[m.key.Value] = value
			} else if t.resolve(m.value) != nil {
				f.Unknown[m.key.Value] = t.describe(m.value)
			}
		}
	}
	return f, nil
}
