package apigateway

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A Route is the treatment of the events that its key selects.
type Route struct {
	Invoke  Invoker       // the integration; nil means Config.Invoke
	Timeout time.Duration // of the integration; 0 means Config.Timeout
	// Answers is set if the route has a route response: the client gets the body
	// of a result as one message, whatever its status. Otherwise the body is
	// dropped. $connect and $disconnect never have one.
	Answers bool
}

// The keys of API Gateway's own routes.
const (
	routeConnect    = "$connect"
	routeDisconnect = "$disconnect"
	routeDefault    = "$default"
)

// routesOf returns the routes of a configuration, completed from it, and
// whether messages can select one by a key of its own.
func routesOf(c Config) (routes map[string]Route, choice bool) {
	given := c.Routes
	if given == nil {
		given = map[string]Route{routeConnect: {}, routeDisconnect: {}, routeDefault: {}}
	}
	routes = make(map[string]Route, len(given))
	for key, route := range given {
		if route.Invoke == nil {
			route.Invoke = c.Invoke
		}
		if route.Timeout == 0 {
			route.Timeout = c.Timeout
		}
		routes[key] = route
		choice = choice || key[:min(1, len(key))] != "$"
	}
	return routes, choice
}

// routeFor returns the key of the route that a message selects, and false if
// the API has none for it. A client cannot select a route whose key begins with
// $.
func (g *Gateway) routeFor(message string) (key string, ok bool) {
	if g.choice {
		if key = g.Selection.key(message); !strings.HasPrefix(key, "$") {
			if _, ok = g.Routes[key]; ok {
				return key, true
			}
		}
	}
	_, ok = g.Routes[routeDefault]
	return routeDefault, ok
}

// A Selection is a route selection expression (developer guide, "API Gateway
// WebSocket selection expressions"). The zero value selects $default.
type Selection struct{ parts []selectionPart }

// A selectionPart is text, or the path of a value in a message.
type selectionPart struct {
	text string
	path []string // member names, and indices of elements
}

var (
	variablePattern = regexp.MustCompile(`\\\$|\$\{([^}]*)\}|\$([\w.\-\[\]']*)`)
	stepPattern     = regexp.MustCompile(`^(?:\.([\w-]+)|\['([^']+)'\]|\[(\d+)\])`)
)

// ParseSelection parses an expression of text and variables:
// $request.body.action, ${request.body.list[0]},
// ${request.body.service}/${request.body['the action']}. A dollar sign that
// begins no variable is written \$. The rest of JSONPath, wildcards and
// filters, is an error here.
func ParseSelection(expression string) (s Selection, err error) {
	end := 0
	for _, at := range variablePattern.FindAllStringSubmatchIndex(expression, -1) {
		s.parts = append(s.parts, selectionPart{text: expression[end:at[0]]})
		end = at[1]
		variable := expression[at[0]:at[1]]
		if variable == `\$` {
			s.parts = append(s.parts, selectionPart{text: "$"})
			continue
		}
		path, ok := strings.CutPrefix(strings.Trim(variable, "${}"), "request.body")
		part := selectionPart{}
		for ok && path != "" {
			step := stepPattern.FindStringSubmatch(path)
			if ok = step != nil; ok {
				path = path[len(step[0]):]
				part.path = append(part.path, step[1]+step[2]+step[3])
			}
		}
		if !ok || part.path == nil {
			return Selection{}, fmt.Errorf("%s of the route selection expression %q is not of the form ${request.body.NAME}, with further names or [INDEX] behind it", variable, expression)
		}
		s.parts = append(s.parts, part)
	}
	s.parts = append(s.parts, selectionPart{text: expression[end:]})
	return s, nil
}

// key evaluates the expression once: values are not searched for further
// variables. For a message that is not JSON it is empty, and a path that leads
// nowhere adds nothing.
func (s Selection) key(message string) string {
	if !json.Valid([]byte(message)) {
		return ""
	}
	var key strings.Builder
	for _, part := range s.parts {
		key.WriteString(part.text)
		if part.path != nil {
			key.WriteString(textOf(find(json.RawMessage(message), part.path)))
		}
	}
	return key.String()
}

// find follows a path, and returns nil if it leads nowhere.
func find(value json.RawMessage, path []string) json.RawMessage {
	for _, step := range path {
		var object map[string]json.RawMessage
		var array []json.RawMessage
		switch index, err := strconv.Atoi(step); {
		case json.Unmarshal(value, &object) == nil:
			value = object[step]
		case json.Unmarshal(value, &array) == nil && err == nil && index < len(array):
			value = array[index]
		default:
			return nil
		}
	}
	return value
}

// textOf returns a value as it becomes part of a route key.
func textOf(value json.RawMessage) string {
	var text *string
	var array []json.RawMessage
	switch {
	case json.Unmarshal(value, &text) == nil && text != nil:
		return *text
	case json.Unmarshal(value, &array) == nil && array != nil:
		items := make([]string, len(array))
		for i, item := range array {
			items[i] = textOf(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case string(value) == "null":
		return ""
	}
	return string(value)
}
