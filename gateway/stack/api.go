package stack

import (
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"bellhop/gateway/apigateway"
)

const samAPI = "AWS::Serverless::WebSocketApi"

// A builder builds a Stack from a template.
type builder struct {
	*template
	*Stack
	api       resource
	responses []string // logical ids of the routes that have a RouteResponse
}

// done are the properties that are read, or make no difference on one machine.
// Properties in neither done nor notDone are unknown.
const done = `ApiId AuthorizerId AutoDeploy CredentialsArn DeploymentId Description DisableSchemaValidation FunctionArn IntegrationMethod
	IntegrationTimeout IntegrationType IntegrationUri InvokeRole IpAddressType Name OperationName PassthroughBehavior
	PayloadFormatVersion PropagateTags ProtocolType RouteKey RouteResponseSelectionExpression RouteSelectionExpression
	Routes StageName StageVariables Tags Target TimeoutInMillis`

// notDone are the unsupported properties and resources, with the consequence of
// each.
var notDone = []struct{ why, names string }{
	{"everybody is let in whom $connect lets in", "Auth AuthorizationScopes AuthorizationType"},
	{"no key is asked for", "ApiKeyRequired ApiKeySelectionExpression"},
	{"messages are not validated", "ModelSelectionExpression RequestModels AWS::ApiGatewayV2::Model"},
	{"nobody is throttled by it", "DefaultRouteSettings RouteSettings"},
	{"no access log is written", "AccessLogSettings"},
	{"clients connect to this machine's address", "Domain DisableExecuteApiEndpoint AWS::ApiGatewayV2::DomainName AWS::ApiGatewayV2::ApiMapping"},
	{"the event has what AWS_PROXY brings, and nothing else", "RequestParameters RequestTemplates TemplateSelectionExpression ContentHandlingStrategy"},
	{"routes of an OpenAPI document are not read", "Body BodyS3Location"},
	{"there is no VPC link", "ConnectionId ConnectionType TlsConfig AWS::ApiGatewayV2::VpcLink"},
	{"only the route response $default is known, as in API Gateway", "AWS::ApiGatewayV2::RouteResponse"},
	{"only AWS_PROXY integrations are invoked, which have none", "AWS::ApiGatewayV2::IntegrationResponse"},
}

// lists reports whether a name is in a list.
func lists(names, name string) bool { return slices.Contains(strings.Fields(names), name) }

// whyNot returns the consequence of an unsupported property.
func whyNot(name string) string {
	for _, n := range notDone {
		if lists(n.names, name) {
			return n.why
		}
	}
	return "it is not known here and has no effect"
}

// defaults are the values that ask for nothing: API Gateway's own.
var defaults = map[string]string{
	"ApiKeyRequired": "false", "ApiKeySelectionExpression": "$request.header.x-api-key", "AuthorizationType": "NONE",
	"ConnectionType": "INTERNET", "DisableExecuteApiEndpoint": "false",
}

// check warns of the unsupported members of a mapping.
func (t *template) check(of string, n *yaml.Node) {
	for _, m := range t.members(n) {
		name := m.key.Value
		value := t.resolve(m.value)
		isDefault := value == nil || defaults[name] != "" && t.text(value) == defaults[name] || name == "Auth" && lists("NONE CUSTOM", t.text(t.get(value, "AuthType"))) || name == "AuthorizationType" && t.text(value) == "CUSTOM"
		if !lists(done, name) && !isDefault {
			t.warn(m.key, "%s of %s: %s", name, of, whyNot(name))
		}
	}
}

func (b *builder) build() error {
	b.check(b.api.id, b.api.properties)
	b.check("Globals", b.api.globals)
	expression := b.api.property("RouteSelectionExpression")
	if text, ok := b.scalar(expression); ok {
		var err error
		if b.Selection, err = apigateway.ParseSelection(text); err != nil {
			return b.errorf(expression, "%w", err)
		}
	} else {
		return b.errorf(b.api.at, "%s has no RouteSelectionExpression whose value is known; most APIs have $request.body.action", b.api.id)
	}
	b.StageVariables = b.texts(b.api.property("StageVariables"))
	b.Stage = b.text(b.api.property("StageName"))
	if err := b.samRoutes(); err != nil {
		return err
	}
	if auth := b.api.property("Auth"); b.text(b.get(auth, "AuthType")) == "CUSTOM" {
		b.authorize(auth, b.get(auth, "AuthArn"), b.get(auth, "IdentitySource"))
	}
	for _, r := range b.resources {
		if err := b.add(r); err != nil {
			return err
		}
	}
	switch {
	case b.Options.Stage != "":
		b.Stage = b.Options.Stage
	case b.Stage == "" && b.api.kind == samAPI:
		b.Stage = "default" // SAM's own
	case b.Stage == "":
		b.Stage = "local"
		b.warn(b.api.at, "%s has no stage whose name is known; it is %s here, unless -stage says otherwise", b.api.id, b.Stage)
	}
	if len(b.Routes) == 0 {
		return b.errorf(b.api.at, "%s has no routes", b.api.id)
	}
	return nil
}

// samRoutes adds the routes of AWS::Serverless::WebSocketApi.
func (b *builder) samRoutes() error {
	for _, m := range b.members(b.api.property("Routes")) {
		key := m.key.Value
		b.check("route "+key, m.value)
		route, err := b.proxy(key, m.key, b.get(m.value, "FunctionArn"), b.get(m.value, "IntegrationTimeout"))
		if err != nil {
			return err
		}
		// SAM names the route that it creates by the API and the key, with one letter
		// capitalized.
		id := strings.TrimPrefix(key, "$")
		id = b.api.id + strings.ToUpper(id[:min(1, len(id))]) + strings.ToLower(id[min(1, len(id)):]) + "Route"
		b.answers(&route, key, id, b.get(m.value, "RouteResponseSelectionExpression"))
		b.Routes[key] = route
	}
	return nil
}

// proxy returns a route to a function.
func (b *builder) proxy(key string, at, function, timeout *yaml.Node) (r Route, err error) {
	if function == nil {
		return r, b.errorf(at, "route %s must lead to a function of this template, as by !GetAtt Function.Arn", key)
	}
	f := b.functionOf(function)
	if f.kind == "" {
		text, known := b.scalar(function)
		if !known {
			text = b.describe(function)
		}
		b.warn(at, "route %s leads to %s, which is no function of this template; what comes by it fails", key, text)
	}
	r.Function = f.id
	if timeout != nil {
		ms, err := b.milliseconds(timeout)
		if err != nil {
			return r, err
		}
		r.Timeout = time.Duration(ms) * time.Millisecond
	}
	return r, nil
}

// answers sets whether a route answers: it does if it has a RouteResponse. The
// developer guide ("Set up a route response") asks for a response selection
// too, but several of AWS's own patterns have none, and their clients get
// answers.
func (b *builder) answers(r *Route, key, id string, expression *yaml.Node) {
	r.Answers = slices.Contains(b.responses, id)
	if !r.Answers && expression != nil {
		b.warn(expression, "route %s has a RouteResponseSelectionExpression, but nothing is sent back, as on AWS, until there is an AWS::ApiGatewayV2::RouteResponse for %s", key, id)
	}
}

// routeResponses returns the logical ids of the routes that have a
// RouteResponse, including those that only SAM creates.
func (t *template) routeResponses() (ids []string) {
	for _, r := range t.resources {
		if r.kind == "AWS::ApiGatewayV2::RouteResponse" && t.text(r.property("RouteResponseKey")) == "$default" {
			ids = append(ids, t.referred(r.property("RouteId"))...)
		}
	}
	return ids
}

// add adds a resource if it belongs to the API.
func (b *builder) add(r resource) error {
	if !strings.HasPrefix(r.kind, "AWS::ApiGatewayV2::") || r.id == b.api.id {
		return nil
	}
	if lists("AWS::ApiGatewayV2::Integration AWS::ApiGatewayV2::Deployment", r.kind) || !b.owns(r) { // routes name the former
		return nil
	}
	switch r.kind {
	case "AWS::ApiGatewayV2::Route":
		return b.addRoute(r)
	case "AWS::ApiGatewayV2::Stage":
		b.addStage(r)
	case "AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Authorizer":
	case "AWS::ApiGatewayV2::RouteResponse":
		if b.text(r.property("RouteResponseKey")) != "$default" {
			b.warn(r.at, "%s: %s", r.id, whyNot(r.kind))
		}
	default:
		b.warn(r.at, "%s, an %s: %s", r.id, r.kind, whyNot(r.kind))
	}
	return nil
}

// owns reports whether a resource is a part of the API. It warns if the
// template alone does not determine that.
func (b *builder) owns(r resource) bool {
	api := r.property("ApiId")
	if value, known := b.scalar(api); known || api == nil {
		return api == nil || value == APIID
	}
	if b.referredOf(api, samAPI, "AWS::ApiGatewayV2::Api", "AWS::Serverless::HttpApi").kind == "" {
		b.warn(r.at, "%s has the ApiId %s, whose value only a deployed stack has; it is left out, unless -parameter gives that value as %s", r.id, b.describe(api), APIID)
	}
	return false
}

// addStage takes the first stage's name and variables.
func (b *builder) addStage(r resource) {
	name := b.text(r.property("StageName"))
	if b.Options.Stage != "" && b.Options.Stage != name {
		return
	}
	if b.Stage != "" {
		b.warn(r.at, "%s is a further stage, which is not served; -stage %s serves it instead", r.id, name)
		return
	}
	b.check(r.id, r.properties)
	b.Stage, b.StageVariables = name, b.texts(r.property("StageVariables"))
}

func (b *builder) addRoute(r resource) error {
	key, ok := b.scalar(r.property("RouteKey"))
	if !ok {
		return b.errorf(r.at, "%s has no RouteKey, such as $connect or the name of an action", r.id)
	}
	if _, twice := b.Routes[key]; twice {
		return b.errorf(r.at, "%s is a second route with the key %s", r.id, key)
	}
	b.check(r.id, r.properties)
	integration := b.referredOf(r.property("Target"), "AWS::ApiGatewayV2::Integration")
	if integration.kind == "" {
		b.warn(r.at, "%s has no Target that is an integration of this template; what comes by route %s fails", r.id, key)
		b.Routes[key] = Route{}
		return nil
	}
	b.check(integration.id, integration.properties)
	route := Route{}
	switch kind := b.text(integration.property("IntegrationType")); kind {
	case "AWS_PROXY":
		var err error
		if route, err = b.proxy(key, integration.at, integration.property("IntegrationUri"), integration.property("TimeoutInMillis")); err != nil {
			return err
		}
	case "MOCK":
		route.Mock = true
		b.warn(integration.at, "%s is a mock: what comes by route %s is answered 200, without its templates", integration.id, key)
	default:
		b.warn(integration.at, "%s is of type %s, and only AWS_PROXY to a function is done here; what comes by route %s fails", integration.id, kind, key)
	}
	b.answers(&route, key, r.id, r.property("RouteResponseSelectionExpression"))
	b.Routes[key] = route
	if b.text(r.property("AuthorizationType")) == "CUSTOM" {
		a := b.referredOf(r.property("AuthorizerId"), "AWS::ApiGatewayV2::Authorizer")
		b.authorize(r.at, a.property("AuthorizerUri"), a.property("IdentitySource"))
	}
	return nil
}

// authorize sets the authorizer, or warns that everybody can connect if that is
// no function of the template.
func (b *builder) authorize(at, function, sources *yaml.Node) {
	f := b.functionOf(function)
	if f.kind == "" {
		b.warn(at, "the authorizer is no function of this template: everybody is let in whom $connect lets in")
		return
	}
	b.Authorizer = &Authorizer{Function: f.id}
	for _, source := range b.list(sources) {
		b.Authorizer.Sources = append(b.Authorizer.Sources, b.text(source))
	}
}
