package apigateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	awsevents "github.com/aws/aws-lambda-go/events"
)

// An Authorizer is a Lambda authorizer: a function that decides who can connect
// (developer guide, "Create an API Gateway Lambda authorizer").
type Authorizer struct {
	// Invoke returns the function's answer to the event of $connect. If that is
	// the error "Unauthorized", it returns ErrUnauthorized.
	Invoke func(ctx context.Context, e awsevents.APIGatewayWebsocketProxyRequest, arn string) ([]byte, error)
	// Sources are values that a handshake must have, such as
	// route.request.header.Auth.
	Sources []string
	ARN     string // of $connect
}

// ErrUnauthorized means that an authorizer does not know the client.
var ErrUnauthorized = errors.New("Unauthorized")

// A policy is an authorizer's answer.
type policy struct {
	PrincipalID    string         `json:"principalId"`
	Context        map[string]any `json:"context"`
	PolicyDocument struct {
		Statement []statement
	} `json:"policyDocument"`
}

type statement struct {
	Effect           string
	Action, Resource any // a text, or a list of them
}

// authorize returns the refusal of a handshake; nil lets it in, and from then
// on the connection's events have the authorizer's context.
func (g *Gateway) authorize(ctx context.Context, c *connection, r *http.Request, e awsevents.APIGatewayWebsocketProxyRequest) *awsevents.APIGatewayProxyResponse {
	refuse := func(status int, message string) *awsevents.APIGatewayProxyResponse {
		return &awsevents.APIGatewayProxyResponse{StatusCode: status, Body: fmt.Sprintf(`{"message":%q}`, message)}
	}
	for _, source := range g.Authorizer.Sources {
		header, isHeader := strings.CutPrefix(source, "route.request.header.")
		parameter, isParameter := strings.CutPrefix(source, "route.request.querystring.")
		if isHeader && r.Header.Get(header) == "" || isParameter && r.URL.Query().Get(parameter) == "" {
			return refuse(http.StatusUnauthorized, "Unauthorized")
		}
	}
	var p policy
	answer, err := g.Authorizer.Invoke(ctx, e, g.Authorizer.ARN)
	if errors.Is(err, ErrUnauthorized) {
		return refuse(http.StatusUnauthorized, "Unauthorized")
	}
	if err == nil {
		err = json.Unmarshal(answer, &p)
	}
	if err == nil {
		c.authorizer, err = p.context()
	}
	if err != nil {
		g.Log.Error("the authorizer failed", "connection", c.id, "error", err)
		return refuse(http.StatusInternalServerError, "Internal server error")
	}
	if p.has("Deny", g.Authorizer.ARN) {
		return refuse(http.StatusForbidden, "User is not authorized to access this resource with an explicit deny")
	} else if !p.has("Allow", g.Authorizer.ARN) {
		return refuse(http.StatusForbidden, "User is not authorized to access this resource")
	}
	return nil
}

// context returns the context for events: texts, as on AWS, which takes no
// lists and objects.
func (p policy) context() (map[string]any, error) {
	if p.PrincipalID == "" || p.PolicyDocument.Statement == nil {
		return nil, errors.New("its answer has no principalId, or no policyDocument with a Statement")
	}
	all := map[string]any{"principalId": p.PrincipalID}
	for name, value := range p.Context {
		switch value.(type) {
		case []any, map[string]any, nil:
			return nil, fmt.Errorf("its context %s is neither a text, a number nor a boolean", name)
		}
		all[name] = fmt.Sprint(value)
	}
	return all, nil
}

// has reports whether a statement with this effect is about the ARN.
func (p policy) has(effect, arn string) bool {
	return slices.ContainsFunc(p.PolicyDocument.Statement, func(s statement) bool {
		return s.Effect == effect && matches(s.Action, "execute-api:Invoke") && matches(s.Resource, arn)
	})
}

// matches reports whether a pattern of IAM, or one of several, matches a text.
func matches(pattern any, text string) bool {
	if list, ok := pattern.([]any); ok {
		return slices.ContainsFunc(list, func(one any) bool { return matches(one, text) })
	}
	quoted := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(fmt.Sprint(pattern)))
	ok, _ := regexp.MatchString("(?i)^"+quoted+"$", text)
	return ok
}
